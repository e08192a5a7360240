package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// maxVerified bounds the cache of one snapshot: a partner's authority could otherwise fill our memory with fresh leaves.
const maxVerified = 4096

// fingerprint is the SHA-256 of a certificate's DER.
type fingerprint [sha256.Size]byte

// snapshot is the trust at one moment. Only its cache changes after build. The zero value trusts nobody.
type snapshot struct {
	partners map[string]*partner // by cluster id in lower case

	mu       sync.Mutex // guards verified and callers
	verified map[seen]Peer
	callers  map[called]Caller
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
	sn := &snapshot{partners: make(map[string]*partner, len(partners)), verified: map[seen]Peer{}, callers: map[called]Caller{}}
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

// known gives the kept result for a leaf while it is valid.
func (sn *snapshot) known(k seen, now time.Time) (Peer, bool) {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	v, ok := sn.verified[k]
	if ok && now.After(v.ExpiresAt) {
		delete(sn.verified, k)
		return Peer{}, false
	}
	return v, ok
}

// keep remembers a success. Failures are not kept: anybody can cause them, without end.
func (sn *snapshot) keep(k seen, v Peer) {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	if len(sn.verified) >= maxVerified {
		clear(sn.verified)
	}
	sn.verified[k] = v
}
