package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Domains says of every security domain what it holds, and at which position that was read.
type Domains struct {
	Position mdc.Position
	Sums     map[string]DomainSum // by name
}

// DomainSum stands for a domain and all objects that it owns, the same in every data center that has the same ones (CAMS-04).
type DomainSum struct {
	Digest  string // lower-case hex SHA-256
	Objects int    // that the domain owns, itself not counted
}

// domainSum is one that is being made.
type domainSum struct {
	hash.Hash
	objects int
}

// Domains reads every replicated object that a domain can own, once. What a data center lays over its copy by overrides does not
// count; what an administrator changed on a write-enabled clone does.
func (s *Snapshot) Domains() (out Domains, err error) {
	making := map[string]*domainSum{}
	for _, kind := range mdc.Kinds() {
		_, owned := kind.New().(mdc.Owned)
		domain := kind.Name == mdc.SecurityDomainKind().Name
		if kind.Scope != mdc.Replicated || kind.Secret || !owned && !domain {
			continue
		}
		err := s.Range(kind, "", func(key string, body []byte) error {
			owner := key
			if !domain {
				var o struct {
					Domain string `json:"security_domain"`
				}
				if err := json.Unmarshal(body, &o); err != nil {
					return fmt.Errorf("read the domain of %s %s: %w", kind.Name, key, err)
				}
				if owner = o.Domain; owner == "" {
					return nil
				}
			}
			if making[owner] == nil {
				making[owner] = &domainSum{Hash: sha256.New()}
			}
			making[owner].add(kind.Name, key, body, !domain)
			return nil
		})
		if err != nil {
			return out, err
		}
	}
	out.Sums = make(map[string]DomainSum, len(making))
	for name, m := range making {
		out.Sums[name] = DomainSum{hex.EncodeToString(m.Sum(nil)), m.objects}
	}
	out.Position, err = s.Position()
	return out, err
}

// add takes an object in, each part with its length, so that no two lists of objects are one text.
func (d *domainSum) add(kind, key string, body []byte, counts bool) {
	for _, part := range [...][]byte{[]byte(kind), []byte(key), body} {
		d.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		d.Write(part)
	}
	if counts {
		d.objects++
	}
}
