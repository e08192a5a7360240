package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// Version is the version of the server, the gate and the command line, without a leading v. The makefile reads it here.
const Version = "0.1.0"

func (p *program) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(p.stdout, versionLine())
			return err
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("concord %s %s %s/%s\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
