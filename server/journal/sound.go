package journal

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/store"
)

// VerifyObjects reads every replicated object: together they must have the digest that the position names. A database may have
// lost some although its position is there, when files went that held only older changes. The error is a fault, as of
// VerifyHead (FLT-07).
func (l *Log) VerifyObjects(ctx context.Context) error {
	return l.View(ctx, func(s *Snapshot) error {
		survey, err := s.Survey()
		if err != nil {
			return headFault(fmt.Sprintf("the objects cannot be read (%v)", err))
		}
		for kind, sum := range survey.Kinds {
			if strings.HasSuffix(sum.Digest, unlike) {
				return fault.New(fault.Conflict, "state_damaged", "Objects of the kind %s cannot be opened: either they are damaged, or the node key is not the one that the state store was written with. Restore the key, or a backup, or empty data_dir and copy from another data center.", kind)
			}
		}
		if survey.Total != survey.At.Digest {
			return headFault(fmt.Sprintf("the objects are not those of sequence %d", survey.At.Sequence))
		}
		return nil
	})
}

// VerifyRecords wants a record in the journal for each sequence from its base to the position. The error is a fault, as of
// VerifyHead (FLT-07).
func (l *Log) VerifyRecords(ctx context.Context) error { return l.View(ctx, (*Snapshot).dense) }

// dense wants a record for each sequence from the base to the position.
func (s *Snapshot) dense() error {
	p, err := s.position()
	if err != nil {
		return err
	}
	last, prefix := p.Base, generationPrefix(recordSpace, p.Generation)
	err = s.r.Range(store.Span{Prefix: prefix}, func(k, _ []byte) error {
		n := binary.BigEndian.Uint64(k[len(prefix):])
		if n != last+1 {
			return headFault(fmt.Sprintf("the journal has no record %d", last+1))
		}
		last = n
		return nil
	})
	if err == nil && last != p.Sequence {
		err = headFault(fmt.Sprintf("the journal ends at record %d, the position is %d", last, p.Sequence))
	}
	return err
}
