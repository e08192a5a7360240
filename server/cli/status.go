package cli

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/spf13/cobra"
)

// statusAnswer is what `concord status -o json` prints.
type statusAnswer struct {
	DataCenter  wire.DataCenterView      `json:"data_center"`
	Ready       wire.Health              `json:"ready"`
	Partners    []wire.PartnerView       `json:"partners"`
	Replication wire.ReplicationStatus   `json:"replication"`
	Nodes       []wire.Node              `json:"nodes"`
	Expiring    []wire.CertificateExpiry `json:"certificates_expiring"` // soon
}

func (p *program) status() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use: "status", Short: "Show a data center, its partners and its replication", Args: noArgs,
		Long: "Shows one data center as it sees itself. Exit code 3 says that it is not ready or that its\n" +
			"replication is not healthy.",
		RunE: func(c *cobra.Command, _ []string) error {
			conn, err := p.connect(t)
			if err != nil {
				return err
			}
			defer conn.leave()
			s, err := conn.status(c.Context())
			if err != nil {
				return err
			}
			if err := p.printStatus(s, t.output); err != nil {
				return err
			}
			return s.verdict()
		},
	}
	t.register(c)
	return c
}

func (c *connection) status(ctx context.Context) (*statusAnswer, error) {
	s := &statusAnswer{}
	if _, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &s.DataCenter}); err != nil {
		return nil, err
	}
	var err error
	if s.Ready, err = c.ready(ctx); err != nil {
		return nil, err
	}
	if s.Partners, err = client.All[wire.PartnerView](ctx, c.Client, "/v1/partners", nil); err != nil {
		return nil, err
	}
	s.Partners = append([]wire.PartnerView{}, s.Partners...) // [] and never null, for programs
	if _, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/replication/status", Out: &s.Replication}); err != nil {
		return nil, err
	}
	if s.Nodes, err = c.nodes(ctx); err != nil {
		return nil, err
	}
	s.Expiring, err = c.expiring(ctx)
	return s, err
}

// nodes lists the nodes of the data center; none of a server that does not tell yet.
func (c *connection) nodes(ctx context.Context) ([]wire.Node, error) {
	var all wire.Nodes
	_, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/nodes", Out: &all})
	if fault.CodeOf(err) == "no_such_route" {
		err = nil
	}
	return append([]wire.Node{}, all.Nodes...), err
}

func nodeRows(all []wire.Node) [][]string {
	rows := make([][]string, len(all))
	for i, n := range all {
		state := n.State
		if n.Works {
			state += ", works"
		}
		rows[i] = []string{n.NodeName, n.Version, state, moment(&n.SeenAt), n.AdminURL}
	}
	return rows
}

// expiring lists the certificates that end soon; none of a server that does not tell yet.
func (c *connection) expiring(ctx context.Context) ([]wire.CertificateExpiry, error) {
	var all wire.CertificateExpiries
	_, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/trust/expiry", Out: &all})
	if fault.CodeOf(err) == "no_such_route" {
		err = nil
	}
	return slices.DeleteFunc(append([]wire.CertificateExpiry{}, all.Certificates...), func(e wire.CertificateExpiry) bool { return !e.Soon }), err
}

func expiryRows(all []wire.CertificateExpiry) [][]string {
	rows := make([][]string, len(all))
	for i, e := range all {
		rows[i] = []string{e.Role, e.Name, moment(&e.ExpiresAt)}
	}
	return rows
}

// verdict is the check's answer.
func (s *statusAnswer) verdict() error {
	var why []string
	if s.Ready.Status != "ready" {
		why = append(why, "not ready: "+or(strings.Join(s.Ready.Reasons, ", ")))
	}
	if !s.Replication.Healthy {
		why = append(why, "replication is not healthy")
	}
	if len(why) == 0 {
		return nil
	}
	return checkError{s.DataCenter.ClusterID + ": " + strings.Join(why, "; ")}
}

func (p *program) printStatus(s *statusAnswer, output string) error {
	if output == "json" {
		return p.json(s)
	}
	d := s.DataCenter
	err := p.tables(
		section{[]string{"DATA CENTER", "ROLE", "STATE", "READY", "EPOCH", "SEQUENCE", "DIGEST"}, [][]string{{
			d.ClusterID, d.Role, d.State, or(s.Ready.Status), number(d.Epoch), number(d.LastSequence), short(d.Digest)}}},
		section{[]string{"NODE", "VERSION", "STATE", "LAST SEEN", "ADDRESS"}, nodeRows(s.Nodes)},
		section{[]string{"PARTNER", "REACHABLE", "CERTIFICATE EXPIRES", "ADDRESSES"}, partnerRows(s.Partners)},
		section{[]string{"AGREEMENT", "SIDE", "FROM", "TO", "STATE", "APPLIED", "MASTER", "HEALTHY"}, agreementRows(s.Replication.Agreements)},
		section{[]string{"CERTIFICATE", "NAME", "ENDS SOON"}, expiryRows(s.Expiring)})
	if err != nil {
		return err
	}
	own := aboutAll(s.Replication)
	own.subject = d.ClusterID
	own.lines = append([]line{{"node", or(d.NodeName)}, {"version", or(d.Version)}, {"security mode", modeText(d.SecurityMode)}}, own.lines...)
	return p.notes(append([]note{own}, aboutEach(s.Replication.Agreements)...)...)
}

// modeText says what is to be said of a mode whenever it is shown.
func modeText(mode string) string {
	if mode == "open" {
		return "open: no TLS between the data centers, everybody on the way can read"
	}
	return or(mode)
}

func partnerRows(partners []wire.PartnerView) [][]string {
	rows := make([][]string, len(partners))
	for i, v := range partners {
		rows[i] = []string{v.ClusterID, reachable(v), moment(v.CertificateExpiresAt), strings.Join(slices.Concat(v.Primary, v.Secondary), " ")}
	}
	return rows
}

// reachable tells a partner that has not answered since this node started, such as one registered a moment ago, from one
// that answered and is gone.
func reachable(v wire.PartnerView) string {
	if !v.Reachable && v.CertificateExpiresAt == nil {
		return "not yet"
	}
	return yesNo(v.Reachable)
}

func agreementRows(agreements []wire.AgreementStatus) [][]string {
	rows := make([][]string, len(agreements))
	for i, a := range agreements {
		rows[i] = []string{a.Name, a.Side, a.Source, a.Target, a.State, number(a.AppliedSequence), number(a.LatestSequence), yesNo(a.Healthy)}
	}
	return rows
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// short is enough of a digest to compare two by eye; -o json has all of it.
func short(digest string) string { return digest[:min(len(digest), 16)] }
