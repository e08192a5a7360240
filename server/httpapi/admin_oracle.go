package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/administration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// oracleRoutes are the routes, field names and string forms that Oracle's scripts use today (OAM-49 to OAM-53). They do what
// the routes under /v1/replication do; only here HTTP Basic is taken: any name with an administrator's token as password, or an
// administrator's own name and password.
func (s *Server) oracleRoutes() []route {
	one := wire.OraclePrefix + "/{id}"
	return []route{
		{method: http.MethodGet, path: wire.OraclePrefix + "/hello", summary: "Oracle's form: replication works here", out: wire.OracleOK{}, needs: anyAdministrator, handle: func(c *call) error { return c.answer(wire.OracleOK{OK: "true"}) }},
		{method: http.MethodPost, path: wire.OraclePrefix + "/setup", summary: "Oracle's form: create an agreement, at the master", in: wire.OracleSetup{}, out: wire.OracleAgreement{}, needs: onAll(mdc.ActionWrite, mdc.AgreementKind().Name), handle: s.oracleSetup},
		{method: http.MethodGet, path: wire.OraclePrefix + "/agreements", summary: "Oracle's form: identifiers of the agreements", query: []string{"type"}, out: wire.OracleList{}, needs: onAll(mdc.ActionRead, mdc.AgreementKind().Name), handle: s.oracleList},
		{method: http.MethodGet, path: one, summary: "Oracle's form: one side of an agreement", query: []string{"type"}, out: wire.OracleAgreement{}, needs: onAll(mdc.ActionRead, mdc.AgreementKind().Name), handle: oneOf(s.oracleGet)},
		{method: http.MethodPut, path: one, summary: "Oracle's form: change one side of an agreement", in: wire.OracleChange{}, out: wire.OracleAgreement{}, needs: onAll(mdc.ActionWrite, mdc.AgreementKind().Name), handle: oneOf(s.oraclePut)},
		{method: http.MethodDelete, path: one, summary: "Oracle's form: delete an agreement that is disabled on both sides", out: wire.OracleOK{}, needs: onAll(mdc.ActionWrite, mdc.AgreementKind().Name), handle: oneOf(s.oracleDelete)},
	}
}

// oneOf keeps the names of the other routes from being taken for identifiers, which none of them can be.
func oneOf(handle func(*call) error) func(*call) error {
	return func(c *call) error {
		allow := map[string]string{"hello": "GET, HEAD", "agreements": "GET, HEAD", "setup": "POST"}[c.Param("id")]
		if allow == "" {
			return handle(c)
		}
		c.Header("Allow", allow)
		return errNoMethod(c.Request.Method)
	}
}

// basicAdministrator takes the token from HTTP Basic, on Oracle's routes only. used says that the caller did not try a
// bearer token, so that the answer is final.
func (s *Server) basicAdministrator(g *gin.Context) (used bool) {
	if !strings.HasPrefix(g.FullPath(), wire.OraclePrefix+"/") || strings.HasPrefix(g.GetHeader("Authorization"), "Bearer ") {
		return false
	}
	name, token, ok := g.Request.BasicAuth()
	if ok && name != "" && token != "" && len(token) <= 512 {
		who, err := s.basic(g, name, token)
		if err == nil {
			letIn(g, who)
			return true
		}
		if !fault.Is(err, fault.Unauthenticated) {
			(&call{Context: g}).fail(err)
			return true
		}
	}
	c := &call{Context: g}
	c.fail(fault.New(fault.Unauthenticated, "wrong_token", "These routes take HTTP Basic: an administrator's name and password, or any name with a token of this data center as the password."))
	g.Abort()
	return true
}

// basic takes a token for what it is before it is taken for a password, whose check is slow and bounded.
func (s *Server) basic(g *gin.Context, name, secret string) (administration.Administrator, error) {
	ctx := g.Request.Context()
	who, err := s.c.Administrators.Token(ctx, secret)
	if err == nil || fault.CodeOf(err) != administration.CodeWrongToken {
		return who, err
	}
	return s.c.Administrators.Password(ctx, name, secret, connectionAddress(&call{Context: g}))
}

func (s *Server) oracleSetup(c *call) error {
	var in wire.OracleSetup
	if err := c.decode(&in); err != nil {
		return err
	}
	a, _ := mdc.AgreementKind().New().(*mdc.Agreement)
	a.Name, a.Source, a.Target = in.Name, in.Source, in.Target
	if in.Name == "" {
		a.Name = in.Source + "2" + in.Target
	}
	if in.DocumentType != "" {
		a.DocumentType = in.DocumentType
	}
	v, err := s.c.Agreements.Create(c.Request.Context(), c.topologyActor(), *a)
	if err != nil {
		return err
	}
	out := oracleAgreement(agreementView(v))
	if v.State == mdc.AgreementReady {
		out.State = "READY" // of the pair: so Oracle answers it
	}
	return c.answer(out)
}

func (s *Server) oracleList(c *call) error {
	side, err := replica(c.Query("type"))
	if err != nil {
		return err
	}
	all, err := s.c.Agreements.List(c.Request.Context())
	if err != nil {
		return err
	}
	ids := []string{}
	for _, v := range all {
		if c.Query("type") == "" || v.Side == side {
			ids = append(ids, v.Identifier)
		}
	}
	out := wire.OracleList{FeatureEnabled: "true", Identifiers: ids, OK: "true"}
	if len(ids) == 1 {
		out.Identifiers = ids[0]
	}
	return c.answer(out)
}

func (s *Server) oracleGet(c *call) error {
	side, err := replica(c.Query("type"))
	if err != nil {
		return err
	}
	v, err := s.half(c.Request.Context(), c.Param("id"), side)
	if err != nil {
		return err
	}
	return c.answer(oracleAgreement(v))
}

// half reads one side of an agreement, which may lie at the clone. What is asked at a clone is its own half.
func (s *Server) half(ctx context.Context, id, side string) (wire.AgreementView, error) {
	own, err := s.c.Agreements.Get(ctx, id)
	if err != nil || side != mdc.SideClone || own.Side == mdc.SideClone {
		return agreementView(own), err
	}
	return s.c.Clones.Half(ctx, own.Target, id)
}

func (s *Server) oraclePut(c *call) error {
	var in wire.OracleChange
	if err := c.decode(&in); err != nil {
		return err
	}
	side, err := replica(in.ReplicaType)
	if err != nil {
		return err
	}
	change, err := oracleSettings(in)
	if err != nil {
		return err
	}
	ctx, id := c.Request.Context(), c.Param("id")
	own, err := s.c.Agreements.Get(ctx, id)
	if err != nil {
		return err
	}
	if side == mdc.SideMaster && own.Side == mdc.SideClone {
		return fault.New(fault.Conflict, "wrong_data_center", "The master's half is changed at the master, %s.", own.Source)
	}
	if side == own.Side {
		v, err := s.c.Agreements.UpdateOwn(ctx, c.topologyActor(), id, func(a *mdc.Agreement) error { change(a); return nil })
		if err != nil {
			return err
		}
		return c.answer(oracleAgreement(agreementView(v)))
	}
	return s.oraclePutClone(c, own.Target, id, change)
}

// oraclePutClone changes the clone's half from the master.
func (s *Server) oraclePutClone(c *call, target, id string, change func(*mdc.Agreement)) error {
	ctx := c.Request.Context()
	was, err := s.c.Clones.Half(ctx, target, id)
	if err != nil {
		return err
	}
	o, err := kindRoutes{kind: mdc.AgreementKind()}.object(was.Agreement)
	if err != nil {
		return err
	}
	a, _ := o.(*mdc.Agreement)
	change(a)
	if err := s.c.Agreements.UpdateClone(ctx, c.topologyActor(), id, *a); err != nil {
		return err
	}
	now, err := s.c.Clones.Half(ctx, target, id)
	if err != nil {
		return err
	}
	return c.answer(oracleAgreement(now))
}

func (s *Server) oracleDelete(c *call) error {
	if err := s.c.Agreements.Delete(c.Request.Context(), c.topologyActor(), c.Param("id"), false); err != nil {
		return err
	}
	return c.answer(wire.OracleOK{OK: "true"})
}

// replica reads replicaType, and the type of a query (X5).
func replica(s string) (side string, err error) {
	switch strings.ToUpper(s) {
	case "", "SUPPLIER", "MASTER":
		return mdc.SideMaster, nil
	case "CLONE", "CONSUMER":
		return mdc.SideClone, nil
	}
	return "", fault.InvalidFields("The request cannot be accepted.", []fault.Field{{Pointer: "/replicaType", Detail: "must be SUPPLIER or clone"}})
}

// oracleSettings reads the string forms.
func oracleSettings(in wire.OracleChange) (change func(*mdc.Agreement), err error) {
	var fields []fault.Field
	enabled := strings.ToLower(in.Enabled)
	if enabled != "" && enabled != "true" && enabled != "false" {
		fields = append(fields, fault.Field{Pointer: "/enabled", Detail: `must be "true" or "false"`})
	}
	seconds := uint64(0)
	if in.PollInterval != "" {
		if seconds, err = strconv.ParseUint(in.PollInterval, 10, 32); err != nil || seconds == 0 {
			fields = append(fields, fault.Field{Pointer: "/pollInterval", Detail: "must be a number of seconds"})
		}
	}
	return func(a *mdc.Agreement) {
		if enabled != "" {
			a.Enabled = enabled == "true"
		}
		if seconds > 0 {
			a.PollInterval = mdc.Duration(time.Duration(seconds) * time.Second)
		}
	}, fault.InvalidFields("The agreement cannot be changed.", fields)
}

func oracleAgreement(v wire.AgreementView) wire.OracleAgreement {
	interval, _ := time.ParseDuration(v.PollInterval) // of a view that is valid
	return wire.OracleAgreement{Enabled: fmt.Sprint(v.Enabled != nil && *v.Enabled), Identifier: v.Identifier, OK: "true",
		LastSequenceNumber: strconv.FormatUint(v.LastSequence, 10), StartingSequenceNumber: strconv.FormatUint(v.StartingSequence, 10),
		PollInterval: strconv.FormatInt(int64(interval/time.Second), 10), State: oracleState(v)}
}

func oracleState(v wire.AgreementView) string {
	switch v.State {
	case mdc.AgreementBootstrapping, mdc.AgreementStale, mdc.AgreementStopped:
		return strings.ToUpper(v.State)
	}
	if v.Side == mdc.SideMaster {
		return "ACTIVE"
	}
	return "READY"
}

// challenge names the way to authenticate.
func challenge(path string) string {
	if strings.HasPrefix(path, wire.OraclePrefix+"/") {
		return `Basic realm="concord"`
	}
	return `Bearer realm="concord"`
}
