package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/keyring"
)

func (s *Server) cookieKeyRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/v1/cookie-keys", summary: "The keys that seal cookies, by id, and which data centers have them; at the master", out: wire.CookieKeys{}, needs: onAll(mdc.ActionRead, mdc.AreaCookieKey), handle: s.cookieKeys},
		{method: http.MethodPost, path: "/v1/cookie-keys/rotate", summary: "Distribute the next key of a purpose, or of all, and use it as soon as every data center has it", in: wire.CookieKeyRotation{}, out: wire.CookieKeys{}, needs: onAll(mdc.ActionOperate, mdc.AreaCookieKey), handle: s.rotateCookieKeys},
		{method: http.MethodPost, path: "/v1/cookie-keys/revoke", summary: "End keys at once, with every cookie that they sealed", in: wire.CookieKeyRevocation{}, out: wire.CookieKeys{}, needs: onAll(mdc.ActionOperate, mdc.AreaCookieKey), handle: s.revokeCookieKeys},
	}
}

func (s *Server) cookieKeys(c *call) error {
	return s.answerKeys(c)(s.c.CookieKeys.State(c.Request.Context()))
}

func (s *Server) rotateCookieKeys(c *call) error {
	var in wire.CookieKeyRotation
	if err := c.decode(&in); err != nil {
		return err
	}
	return s.answerKeys(c)(s.c.CookieKeys.Rotate(c.Request.Context(), keyActor(c), in.Purpose, in.Force))
}

func (s *Server) revokeCookieKeys(c *call) error {
	var in wire.CookieKeyRevocation
	if err := c.decode(&in); err != nil {
		return err
	}
	r := keyring.Revocation{Purpose: in.Purpose, KeyID: in.KeyID, Force: in.Force}
	return s.answerKeys(c)(s.c.CookieKeys.Revoke(c.Request.Context(), keyActor(c), r))
}

func (s *Server) answerKeys(c *call) func(keyring.State, error) error {
	return func(st keyring.State, err error) error {
		if err != nil {
			return err
		}
		v := wire.CookieKeys{ClusterID: s.c.ClusterID, RotateEvery: keyring.Every.String(), Keys: []wire.CookieKey{}, DataCenters: []wire.KeyHolder{}}
		var latest uint64
		for _, k := range st.Keys {
			latest = max(latest, k.Sequence)
			v.Keys = append(v.Keys, wire.CookieKey{Purpose: k.Purpose, ID: k.ID, State: k.State, CreatedAt: k.CreatedAt, ActivatedAt: k.ActivatedAt, EndedAt: k.EndedAt,
				OpensUntil: instant(k.OpensUntil), Acknowledged: append([]string{}, k.Acknowledged...), Missing: append([]string{}, k.Missing...)})
		}
		for _, t := range st.Targets {
			v.DataCenters = append(v.DataCenters, wire.KeyHolder{ClusterID: t.ClusterID, Current: t.Has >= latest, HeardAt: instant(t.Heard)})
		}
		return c.answer(v)
	}
}

func keyActor(c *call) keyring.Actor {
	a := c.actor()
	return keyring.Actor{Name: a.Name, RequestID: a.RequestID, Address: a.Address}
}
