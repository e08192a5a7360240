package httpapi

import (
	"net/http"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/assertion"
)

// keySetRoutes publish the keys by which applications verify who asks.
func (s *Server) keySetRoutes() []route {
	return []route{{method: http.MethodGet, path: "/.well-known/jwks.json", summary: "Keys of the signed assertion, of this data center and of its partners", public: true,
		out: wire.KeySet{}, handle: s.keySet}}
}

func (s *Server) keySet(c *call) error {
	c.Header("Cache-Control", "public, max-age=300")
	c.JSON(http.StatusOK, keySet(s.c.Assertions.Published()))
	return nil
}

// peerKeys are this data center's own: what others say of themselves they are asked for.
func (s *Server) peerKeys(c *call) error { return c.answer(keySet(s.c.Assertions.Own())) }

func keySet(keys []assertion.Key) wire.KeySet {
	out := wire.KeySet{Keys: []wire.JWK{}}
	for _, k := range keys {
		out.Keys = append(out.Keys, wire.JWK(k))
	}
	return out
}
