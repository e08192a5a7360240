package testkit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// AgentID is what every data center of a test lets others connect as.
const AgentID = "mesh"

// Link makes master the master of the clones, through the admin API only: roles, profiles, partners and trust in every
// direction (also between clones, which ask one another for sessions), then an agreement with each. It gives the
// agreements' identifiers, in the clones' order.
func Link(master *DataCenter, clones ...*DataCenter) (identifiers []string) {
	master.t.Helper()
	all := append([]*DataCenter{master}, clones...)
	for i, d := range all {
		role := "clone"
		if i == 0 {
			role = "master"
		}
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: role})
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: AgentID, AllowManagement: true})
		for _, other := range all {
			if other != d {
				d.Trusts(other)
			}
		}
	}
	for _, c := range clones {
		identifiers = append(identifiers, master.Agree(c).Identifier)
	}
	return identifiers
}

// LinkBy is Link in security mode simple or open, by a shared passphrase and without any declared certificate.
func LinkBy(mode, passphrase string, master *DataCenter, clones ...*DataCenter) (identifiers []string) {
	master.t.Helper()
	all := append([]*DataCenter{master}, clones...)
	for i, d := range all {
		role := "clone"
		if i == 0 {
			role = "master"
		}
		d.Put("/v1/data-center", wire.DataCenter{ClusterID: d.ClusterID, Role: role, SecurityMode: mode})
		d.Put("/v1/partner-profile", wire.PartnerProfile{AgentID: AgentID, AllowManagement: true, Passphrase: passphrase})
		for _, other := range all {
			if other != d {
				d.Shares(other, passphrase)
			}
		}
	}
	for _, c := range clones {
		identifiers = append(identifiers, master.Agree(c).Identifier)
	}
	return identifiers
}

// Shares registers another data center as a partner to which a passphrase is proved.
func (d *DataCenter) Shares(other *DataCenter, passphrase string) {
	d.t.Helper()
	d.Put(client.Path("v1", "partners", other.ClusterID), wire.Partner{ClusterID: other.ClusterID, AgentID: AgentID, Primary: []string{other.PeerAddress}, RESTEndpoint: other.Endpoint, Passphrase: passphrase})
}

// Trusts registers another data center as a partner and its root as trusted for it.
func (d *DataCenter) Trusts(other *DataCenter) {
	d.t.Helper()
	d.Put(client.Path("v1", "trust", "certificates", other.ClusterID), wire.TrustedCertificate{Name: other.ClusterID, CertificatePEM: other.CACertPEM, Partner: other.ClusterID})
	d.Put(client.Path("v1", "partners", other.ClusterID), wire.Partner{ClusterID: other.ClusterID, AgentID: AgentID, Primary: []string{other.PeerAddress}, RESTEndpoint: other.Endpoint})
}

// Agree makes clone a clone of d; the test fails when that is refused.
func (d *DataCenter) Agree(clone *DataCenter) wire.AgreementView {
	d.t.Helper()
	v, err := d.TryAgree(clone)
	if err != nil {
		d.t.Fatalf("agreement of %s with %s: %v", d.ClusterID, clone.ClusterID, err)
	}
	return v
}

// TryAgree is Agree with the refusal given back.
func (d *DataCenter) TryAgree(clone *DataCenter) (v wire.AgreementView, err error) {
	d.t.Helper()
	_, err = d.Do(client.Request{Method: http.MethodPost, Path: "/v1/replication/agreements", Out: &v,
		In: wire.Agreement{Name: d.ClusterID + "-" + clone.ClusterID, Source: d.ClusterID, Target: clone.ClusterID}})
	return v, err
}

// InStep waits until all show one digest at one sequence, and gives both.
func InStep(all ...*DataCenter) (sequence uint64, digest string) {
	first := all[0]
	first.t.Helper()
	first.Within(patience, "all are in step", func() bool {
		v := first.View()
		sequence, digest = v.LastSequence, v.Digest
		for _, d := range all[1:] {
			if v := d.View(); v.LastSequence != sequence || v.Digest != digest {
				return false
			}
		}
		return digest != ""
	})
	return sequence, digest
}

// Follows waits until the clone has everything that d has now.
func (d *DataCenter) Follows(master *DataCenter) {
	d.t.Helper()
	want := master.View().LastSequence
	d.Within(patience, "follows "+master.ClusterID, func() bool { return d.View().LastSequence >= want })
}

// Upload gives the data center a content, and its digest back.
func (d *DataCenter) Upload(content []byte) (sha256Hex string, err error) {
	d.t.Helper()
	sum := sha256.Sum256(content)
	sha256Hex = hex.EncodeToString(sum[:])
	_, err = d.Do(client.Request{Method: http.MethodPut, Path: client.Path("v1", "blobs", sha256Hex), Timeout: -1,
		Content: &client.Content{Length: int64(len(content)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}})
	return sha256Hex, err
}

// Package uploads a content and writes the package with its digest and size; the test fails when that is refused.
func (d *DataCenter) Package(p wire.Package, content []byte) wire.Package {
	d.t.Helper()
	var err error
	if p.SHA256, err = d.Upload(content); err != nil {
		d.t.Fatalf("upload %s to %s: %v", p.Name, d.ClusterID, err)
	}
	p.Size = int64(len(content))
	d.Put(client.Path("v1", "packages", p.Name), p)
	return p
}

// Limit is how soon what crosses a link has to be on the other side; generous, so that only a lost message exceeds it.
const Limit = 10 * time.Second
