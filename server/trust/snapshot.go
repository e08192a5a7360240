package trust

import (
	"crypto/sha256"
	"crypto/x509"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// fingerprint is the SHA-256 of a certificate's DER.
type fingerprint [sha256.Size]byte

// snapshot is the trust at one moment. Only its cache changes after build. The zero value trusts nobody.
type snapshot struct {
	partners map[string]*partner // by cluster id in lower case

	peers   verified[seen, Peer]
	callers verified[called, Caller]
}

// partner is one registered data center with its own anchors.
type partner struct {
	clusterID string // as registered
	pool      *x509.CertPool
	pinned    map[fingerprint]bool
	anchors   []*x509.Certificate // what pool holds, as hints for clients
	revoked   map[string]bool     // serials, decimal
	damaged   bool                // see Learned
}

// seen is what a kept result is valid for. The usage is part of it: a leaf may be good as a server and not as a client.
type seen struct {
	leaf  fingerprint
	usage x509.ExtKeyUsage
}

// build sorts declared and learned certificates into the partners they are for. One that cannot be read is left out, and said.
func (s *Store) build(partners []mdc.Partner, certificates []mdc.TrustedCertificate, learned map[string]Learned) *snapshot {
	sn := &snapshot{partners: make(map[string]*partner, len(partners))}
	sn.peers.kept, sn.callers.kept = map[seen]Peer{}, map[called]Caller{}
	for _, t := range certificates {
		if _, err := mdc.ParseCertificates(t.CertificatePEM); err != nil {
			s.config.Logger.Warn("trusted certificate left out", "name", t.Name, "error", err)
		}
	}
	own := mdc.FoldName(s.config.ClusterID)
	for _, p := range partners {
		id := mdc.FoldName(p.ClusterID)
		if id == own || !mdc.ValidClusterID(p.ClusterID) {
			s.config.Logger.Warn("partner left out of trust", "partner", p.ClusterID, "reason", "cluster id is our own or not valid")
			continue
		}
		made := &partner{clusterID: p.ClusterID, pool: x509.NewCertPool(), pinned: map[fingerprint]bool{}}
		made.learn(learned[id], Declared(p.ClusterID, certificates))
		sn.partners[id] = made
	}
	return sn
}

// add makes an authority an anchor, an intermediate too. A server's certificate is pinned by its bytes and stays out of the
// pool, so that no path is ever built on it.
func (p *partner) add(c *x509.Certificate) {
	if mdc.CertificateType(c) == mdc.CertificateServer {
		p.pinned[sha256.Sum256(c.Raw)] = true
	} else {
		p.pool.AddCert(c)
		p.anchors = append(p.anchors, c)
	}
}

func (sn *snapshot) partner(id string) *partner { return sn.partners[mdc.FoldName(id)] }
