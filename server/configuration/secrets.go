package configuration

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// secret is one write-only value of one operation.
type secret struct {
	operation int
	pointer   string
	plain     string
}

// hashes are what the secrets of the operations at hand came to.
type hashes map[secret]string

// settle gives each write-only value its hash, keeps the old one where the object brings none, and notes those that are
// still to be hashed.
func (p *pass) settle(n int, kind mdc.Kind, was, will mdc.Object) {
	holder, ok := will.(mdc.SecretHolder)
	if !ok {
		return
	}
	var kept map[string]*mdc.Secret
	if old, ok := was.(mdc.SecretHolder); ok && was != nil {
		kept = old.Secrets()
	}
	for pointer, value := range holder.Secrets() {
		plain, ok := value.Plain()
		if !ok {
			if k := kept[pointer]; k != nil && value.Hash == "" {
				value.Hash = k.Hash
			}
			continue
		}
		if kind.LongSecrets {
			*value = mdc.Secret{Hash: mdc.LongHash(plain)}
			continue
		}
		at := secret{n, pointer, plain}
		if hash, known := p.hashes[at]; known {
			*value = mdc.Secret{Hash: hash}
		} else {
			p.missing = append(p.missing, at)
		}
	}
}

// hash fills known. Half of the processors at most hash for one request, so that people can still sign in.
func (s *Service) hash(ctx context.Context, missing []secret, known hashes) error {
	group, until := errgroup.WithContext(ctx)
	group.SetLimit(max(1, runtime.GOMAXPROCS(0)/2))
	made := make([]string, len(missing))
	for i, m := range missing {
		if until.Err() != nil {
			break
		}
		group.Go(func() (err error) {
			made[i], err = s.c.Hash(until, m.plain)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("hash write-only values: %w", err)
	}
	for i, m := range missing {
		known[m] = made[i]
	}
	return nil
}
