package journal

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/store"
)

// VerifyContent reads all that the position stands for: the objects, whose digest must be the one it names, and the records
// of the journal from its base on, each with its number. A database may have lost either although its position is there, when
// files went that held only older changes. The error is a fault, as of VerifyHead (FLT-07).
func (l *Log) VerifyContent(ctx context.Context) error {
	return l.View(ctx, func(s *Snapshot) error {
		survey, err := s.Survey()
		if err != nil {
			return headFault(fmt.Sprintf("the objects cannot be read (%v)", err))
		}
		if survey.Total != survey.At.Digest {
			return headFault(fmt.Sprintf("the objects are not those of sequence %d", survey.At.Sequence))
		}
		return s.dense()
	})
}

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
