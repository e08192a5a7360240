package cli

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// trustPassphrase makes a passphrase for security mode simple or open. It asks no data center and keeps nothing.
func (p *program) trustPassphrase(t *target) *cobra.Command {
	return &cobra.Command{Use: "passphrase", Short: "Make a passphrase for two data centers to share", Args: usageArgs(cobra.NoArgs),
		Long: "Prints a passphrase of 130 bits, for passphrase_wo of concord_partner_profile and\nof concord_partner on the other side. It is kept nowhere: give it to Terraform as\na variable.",
		RunE: func(*cobra.Command, []string) error {
			made := newPassphrase()
			if t.output == "json" {
				return p.json(map[string]string{"passphrase": made})
			}
			_, err := fmt.Fprintln(p.stdout, made)
			return err
		}}
}

// newPassphrase draws 27 characters of 32, which are 135 bits. One without a digit, which is one in 250, is drawn again, since it
// could be taken for words.
func newPassphrase() string {
	for {
		var b [20]byte
		_, _ = rand.Read(b[:]) // never fails, by its own contract
		s := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))[:27]
		if strings.ContainsAny(s, "234567") {
			return s[:9] + "-" + s[9:18] + "-" + s[18:]
		}
	}
}
