package mdc

import (
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// PartnerProfile is what this data center lets others connect as (OAM-39 step 1).
type PartnerProfile struct {
	AgentID         string `json:"agent_id"`         // the name that partners must register us under
	AllowManagement bool   `json:"allow_management"` // false: session calls only, no agreements

	Passphrase        Passphrase `json:"passphrase,omitzero"`          // what callers must prove, in modes simple and open
	PassphraseVersion int64      `json:"passphrase_version,omitempty"` // the administrator's number for it
}

// PartnerProfileKind describes the partner profile singleton.
func PartnerProfileKind() Kind {
	return Kind{Name: "partner_profile", Collection: "partner-profile", Scope: Local, Singleton: true,
		New: func() Object { return &PartnerProfile{AgentID: "concord"} }}
}

// ObjectName is SingletonName.
func (p *PartnerProfile) ObjectName() string { return SingletonName }

// Normalize has nothing to do.
func (p *PartnerProfile) Normalize() {}

// Validate checks the name.
func (p *PartnerProfile) Validate() []fault.Field {
	var c checks
	c.name("/agent_id", p.AgentID)
	c.passphrase("/passphrase", p.Passphrase)
	return c.fields
}

// Shared gives what callers must prove.
func (p *PartnerProfile) Shared() (*Passphrase, int64) { return &p.Passphrase, p.PassphraseVersion }

// References gives none.
func (p *PartnerProfile) References() []Reference { return nil }

// Partner is a registered remote data center (OAM-39 step 2, OAM-40).
type Partner struct {
	ClusterID    string   `json:"cluster_id"`
	AgentID      string   `json:"agent_id"`                // the remote partner profile's
	Primary      []string `json:"primary"`                 // peer listeners, host:port, tried in order
	Secondary    []string `json:"secondary,omitempty"`     // tried when no primary answers (OAM-44)
	SecurityMode string   `json:"security_mode,omitempty"` // "" = this data center's; another one makes the partner unusable
	RESTEndpoint string   `json:"rest_endpoint,omitempty"` // the partner's admin address, for hints

	Passphrase        Passphrase `json:"passphrase,omitzero"`          // what we prove there, in modes simple and open
	PassphraseVersion int64      `json:"passphrase_version,omitempty"` // the administrator's number for it
}

// PartnerKind describes partners.
func PartnerKind() Kind {
	return Kind{Name: "partner", Collection: "partners", Scope: Local, FoldCase: true,
		New: func() Object { return &Partner{} }}
}

// ObjectName is the remote cluster id.
func (p *Partner) ObjectName() string { return p.ClusterID }

// Normalize keeps the order of addresses, which has a meaning.
func (p *Partner) Normalize() {
	if len(p.Secondary) == 0 {
		p.Secondary = nil
	}
}

// Validate checks names, addresses and mode.
func (p *Partner) Validate() []fault.Field {
	var c checks
	c.want(ValidClusterID(p.ClusterID), "/cluster_id", "%q is no cluster id: 1 to 63 letters and digits, starting with a letter", clip(p.ClusterID))
	c.name("/agent_id", p.AgentID)
	c.want(len(p.Primary) > 0, "/primary", "names no address; give at least one host:port of the partner's peer listener")
	c.want(len(p.Primary)+len(p.Secondary) <= 64, "/primary", "names more than 64 addresses together with secondary")
	for i, a := range p.Primary {
		c.hostPort(fmt.Sprintf("/primary/%d", i), a)
	}
	for i, a := range p.Secondary {
		c.hostPort(fmt.Sprintf("/secondary/%d", i), a)
	}
	c.oneOf("/security_mode", p.SecurityMode, "", ModeOpen, ModeSimple, ModeCert)
	c.text("/rest_endpoint", p.RESTEndpoint, 512)
	c.passphrase("/passphrase", p.Passphrase)
	return c.fields
}

// Shared gives what we prove at the partner.
func (p *Partner) Shared() (*Passphrase, int64) { return &p.Passphrase, p.PassphraseVersion }

// InMode says whether the partner may be talked with while this data center is in a mode: the mode belongs to the server, and a
// record cannot ask for another one (SEC-40).
func (p *Partner) InMode(mode string) bool { return p.SecurityMode == "" || p.SecurityMode == mode }

// References gives none: trust may be declared before or after.
func (p *Partner) References() []Reference { return nil }

// TrustedCertificate is a root, an intermediate or a server's own certificate that an administrator declared (MSS-10, OAM-42).
type TrustedCertificate struct {
	Name           string `json:"name"`
	CertificatePEM string `json:"certificate_pem"`   // 1 to 8 certificates
	Partner        string `json:"partner,omitempty"` // cluster id; "" = for all partners
}

// MaxTrustedPEM is the longest PEM text of one trusted certificate, in bytes.
const MaxTrustedPEM = 64 << 10

// TrustedCertificateKind describes trusted certificates.
func TrustedCertificateKind() Kind {
	return Kind{Name: "trusted_certificate", Collection: "trust/certificates", Scope: Local,
		New: func() Object { return &TrustedCertificate{} }}
}

// ObjectName is the friendly name.
func (t *TrustedCertificate) ObjectName() string { return t.Name }

// Normalize has nothing to do: the PEM is kept as it was written.
func (t *TrustedCertificate) Normalize() {}

// Validate checks the PEM; see ParseCertificates for what is refused.
func (t *TrustedCertificate) Validate() []fault.Field {
	var c checks
	c.name("/name", t.Name)
	certificates, err := ParseCertificates(t.CertificatePEM)
	if err != nil {
		c.want(false, "/certificate_pem", "%v", err)
	}
	c.want(!slices.ContainsFunc(certificates, WeakKey), "/certificate_pem", "holds a certificate with a key that is too short to be believed: RSA needs 2048 bits")
	c.want(t.Partner == "" || ValidClusterID(t.Partner), "/partner", "%q is no cluster id", clip(t.Partner))
	return c.fields
}

// References gives none: partners and their trust may be declared in any order.
func (t *TrustedCertificate) References() []Reference { return nil }
