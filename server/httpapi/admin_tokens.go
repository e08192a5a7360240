package httpapi

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

func (s *Server) adminTokenRoutes() []route {
	return []route{{method: http.MethodPost, path: "/v1/admin-tokens", summary: "Make an administrator's token; its text is answered this once", status: http.StatusCreated,
		in: wire.AdminTokenRequest{}, out: wire.AdminTokenMade{}, needs: onAll(mdc.ActionWrite, mdc.AdminTokenKind().Name), handle: s.makeAdminToken}}
}

// makeAdminToken is for people: what a program declares brings its own token.
func (s *Server) makeAdminToken(c *call) error {
	var in wire.AdminTokenRequest
	if err := c.decode(&in); err != nil {
		return err
	}
	t := &mdc.AdminToken{Name: in.Name, Description: in.Description, Roles: in.Roles, ExpiresAt: in.ExpiresAt}
	if in.TTL != "" {
		life, err := time.ParseDuration(in.TTL)
		if err != nil || life <= 0 || in.ExpiresAt != nil {
			return fault.InvalidFields("The token cannot be made.", []fault.Field{{Pointer: "/ttl", Detail: "has to be a duration above zero, such as 720h (hours are the longest unit), and is not given together with expires_at"}})
		}
		at := s.c.Clock.Now().Add(life)
		t.ExpiresAt = &at
	}
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails, by its own contract
	text := "concord.admin." + base64.RawURLEncoding.EncodeToString(raw[:])
	t.Token = mdc.NewSecret(text)
	res, err := s.c.Configuration.Put(c.Request.Context(), c.actor(), mdc.AdminTokenKind(), t, configuration.Precondition{Absent: true})
	if err != nil {
		return err
	}
	v, err := s.tokenView(res.Object)
	if err != nil {
		return err
	}
	return c.answer(wire.AdminTokenMade{AdminTokenView: v, Secret: text})
}

// adminTokenView is the kind's view.
func (s *Server) adminTokenView(_ *call, o mdc.Object) (any, error) {
	v, err := s.tokenView(o)
	return &v, err
}

func (s *Server) tokenView(o mdc.Object) (v wire.AdminTokenView, err error) {
	t, ok := o.(*mdc.AdminToken)
	if !ok {
		return v, fmt.Errorf("present token: %T", o)
	}
	if err := fill(&v, t); err != nil {
		return v, err
	}
	v.ID = t.Name
	v.Expired = t.ExpiresAt != nil && !s.c.Clock.Now().Before(*t.ExpiresAt)
	if at := s.c.Administrators.LastUsed(t.Name).UTC().Truncate(time.Second); !at.IsZero() {
		v.LastUsedAt = &at
	}
	return v, nil
}
