package session

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// recordPacked is the first byte of a session's record in the store, before what packSession writes. A record that begins with "{" is JSON:
// of a session that cannot be packed exactly, or written before there was another form.
const recordPacked = 1

var errDamaged = errors.New("the record is damaged, or of a newer version")

func encodeSession(s *mdc.Session) ([]byte, error) {
	v := make([]byte, 1, 256)
	v[0] = recordPacked
	if v, ok := packSession(v, s); ok {
		return v, nil
	}
	v, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode session %s: %w", s.ID, err)
	}
	return v, nil
}

// decodeSession reads the record of the session id.
func decodeSession(id mdc.SessionID, v []byte) (*mdc.Session, error) {
	if len(v) > 0 && v[0] == recordPacked {
		if s := unpackSession(id, v[1:]); s != nil {
			return s, nil
		}
		return nil, fmt.Errorf("decode session %s: %w", id, errDamaged)
	}
	s := new(mdc.Session)
	if err := json.Unmarshal(v, s); err != nil {
		return nil, fmt.Errorf("decode session %s: %w", id, err)
	}
	return s, nil
}
