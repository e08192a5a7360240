package provider

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"os"
)

// formed refuses a file that cannot be read as its format. The server looks at each entry besides, when the file is uploaded. The error
// is a whole sentence but for the full stop.
func formed(name, format string) error {
	var err error
	switch format {
	case "zip":
		var z *zip.ReadCloser
		if z, err = zip.OpenReader(name); err == nil {
			err = z.Close()
		}
	case "tar", "tar.gz":
		err = begins(name, format == "tar.gz")
	}
	if err != nil {
		return fmt.Errorf("%q cannot be read as %s (%w); write the format that it has, or raw", name, format, err)
	}
	return nil
}

// begins reads the first entry of a tar.
func begins(name string, zipped bool) error {
	f, err := os.Open(name) //nolint:gosec // the file that the configuration names
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	var r io.Reader = f
	if zipped {
		if r, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	_, err = tar.NewReader(r).Next()
	return err
}
