package app

import (
	"fmt"
	"io"
	"os"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/config"
	"github.com/concord-access/terraform-provider-concord/server/console"
)

// readPages makes the pages in the looks that the node's configuration names.
func readPages(p config.Pages) (*console.Pages, error) {
	theme, err := readTheme(p)
	if err != nil {
		return nil, err
	}
	return console.New(theme)
}

// reloadPages reads the theme's files again; on an error the former looks stay.
func (n *Node) reloadPages() {
	if n.cfg.Pages.CSSFile == "" && n.cfg.Pages.LogoFile == "" {
		return
	}
	pages, err := readPages(n.cfg.Pages)
	if err != nil {
		n.log.Error("reload failed; the pages keep their former looks", "error", err)
		return
	}
	n.handlers.Dress(pages)
	n.log.Info("pages reloaded", "css_file", n.cfg.Pages.CSSFile, "logo_file", n.cfg.Pages.LogoFile)
}

// readTheme reads the files that the node's configuration names for its pages.
func readTheme(p config.Pages) (t console.Theme, err error) {
	t.Title = p.Title
	if t.CSS, err = readThemeFile(p.CSSFile, console.MaxCSS); err != nil {
		return t, err
	}
	t.Logo, err = readThemeFile(p.LogoFile, console.MaxLogo)
	return t, err
}

func readThemeFile(path string, limit int64) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "invalid_configuration", "A file of the block pages cannot be read: %v", err)
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b, nil
}
