package administration

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Index is every role and token of a data center, laid out for requests. It never changes.
type Index struct {
	roles  []*mdc.AdminRole
	tokens map[[sha256.Size]byte]indexed
	key    [sha256.Size]byte // of this index alone: nobody can aim at a place in the map
}

type indexed struct {
	name    string
	hash    string // mdc.LongHash
	expires time.Time
	rights  mdc.Rights
}

// Compile makes an index. A role that a token names and that is not there gives nothing.
func Compile(roles []*mdc.AdminRole, tokens []*mdc.AdminToken) *Index {
	x := &Index{roles: roles, tokens: make(map[[sha256.Size]byte]indexed, len(tokens))}
	_, _ = rand.Read(x.key[:]) // never fails, by its own contract
	for _, t := range tokens {
		if t.Token.Hash == "" {
			continue
		}
		entry := indexed{name: t.Name, hash: t.Token.Hash, rights: x.rights(func(r *mdc.AdminRole) bool { return slices.Contains(t.Roles, r.Name) })}
		if t.ExpiresAt != nil {
			entry.expires = *t.ExpiresAt
		}
		x.tokens[x.place(t.Token.Hash)] = entry
	}
	return x
}

func (x *Index) rights(has func(*mdc.AdminRole) bool) mdc.Rights {
	var all []mdc.Permission
	for _, r := range x.roles {
		if has(r) {
			all = append(all, r.Permissions...)
		}
	}
	return mdc.RightsOf(all...)
}

// Certificate gives the rights of an administrator's certificate with this name, a URI.
func (x *Index) Certificate(identity string) mdc.Rights {
	return x.rights(func(r *mdc.AdminRole) bool { return slices.Contains(r.Certificates, identity) })
}

// User gives the rights of a user.
func (x *Index) User(u *mdc.User) mdc.Rights {
	return x.rights(func(r *mdc.AdminRole) bool { return r.GivenTo(u) })
}

// token finds who has a token, whether or not it ran out.
func (x *Index) token(text string) (indexed, bool) {
	hash := mdc.LongHash(text)
	t, ok := x.tokens[x.place(hash)]
	if !ok || subtle.ConstantTimeCompare([]byte(t.hash), []byte(hash)) != 1 {
		return indexed{}, false
	}
	return t, true
}

func (x *Index) place(hash string) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, x.key[:])
	h.Write([]byte(hash))
	h.Sum(out[:0])
	return out
}
