package oam

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// minPassphrase is how many characters a passphrase of Concord has at least.
const minPassphrase = 20

var clusterID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)

// rule is what becomes of one of Oracle's properties.
type rule struct {
	take   func(into *Properties, value string) (fault string) // the fault is worded to follow the key
	secret bool
	note   string // about a property that has a value
}

// rules are Oracle's properties by name (Tables 7-4 and 7-5 of its manual, and its samples).
func rules() map[string]rule {
	return map[string]rule{
		"remoteDataCentreClusterId": text(func(p *Properties) **string { return &p.ClusterID }),
		"oamMdcAgentId":             text(func(p *Properties) **string { return &p.AgentID }),
		"PrimaryHostPort":           addresses(func(p *Properties) *[]string { return &p.Primary }),
		"SecondaryHostPort":         addresses(func(p *Properties) *[]string { return &p.Secondary }),
		"RESTEndpoint":              text(func(p *Properties) **string { return &p.RESTEndpoint }),
		"oamMdcSecurityMode":        {take: mode},
		"AccessClientPasswd":        {take: func(p *Properties, v string) string { p.Passphrase = &v; return "" }, secret: true},
		"trustStorePath": {take: func(p *Properties, v string) string { p.TrustedCertificates = []string{v}; return "" },
			note: "a Java key store, which Terraform does not read. keytool -list -rfc -keystore FILE shows its certificates as PEM; declare them with concord_trusted_certificate."},
		"keyStorePath":     dropped("no private key is taken over; each data center of Concord has certificates of its own."),
		"keystorePassword": dropped("nothing corresponds to it, because no private key is taken over."),
		"globalPassPhrase": dropped("nothing corresponds to it; in mode simple the data centers prove themselves to one another by passphrase alone."),
		"agentVersion":     dropped("nothing corresponds to it; there is one protocol between data centers."),

		"SessionMustBeAnchoredToDataCenterServicingUser": truth(func(p *Properties) **bool { return &p.Anchored }),
		"SessionDataRetrievalOnDemand":                   truth(func(p *Properties) **bool { return &p.RetrieveOnDemand }),
		"Reauthenticate":                                 truth(func(p *Properties) **bool { return &p.Reauthenticate }),
		"SessionContinuationOnSyncFailure":               truth(func(p *Properties) **bool { return &p.ContinueOnSyncFailure }), // X1: true continues
		"SessionDataRetrievalOnDemandMax_retry_attempts": {take: attempts},
		"SessionDataRetrievalOnDemandMax_conn_wait_time": {take: wait},
		"MDCGitoCookieDomain": {take: func(p *Properties, v string) string {
			v = strings.TrimPrefix(v, ".")
			p.GitoCookieDomain = &v
			return ""
		}},
	}
}

func text(at func(*Properties) **string) rule {
	return rule{take: func(p *Properties, v string) string { *at(p) = &v; return "" }}
}

// addresses takes one address, as Oracle does, or several with commas between.
func addresses(at func(*Properties) *[]string) rule {
	return rule{take: func(p *Properties, v string) string {
		for _, a := range strings.Split(v, ",") {
			if a = strings.TrimSpace(a); a == "" {
				return "has an empty address"
			}
			*at(p) = append(*at(p), a)
		}
		return ""
	}}
}

func truth(at func(*Properties) **bool) rule {
	return rule{take: func(p *Properties, v string) string {
		is := strings.EqualFold(v, "true")
		if !is && !strings.EqualFold(v, "false") {
			return fmt.Sprintf("is %s; it is true or false", shown(v))
		}
		*at(p) = &is
		return ""
	}}
}

func dropped(why string) rule {
	return rule{take: func(*Properties, string) string { return "" }, secret: true, note: why}
}

func mode(p *Properties, v string) string {
	m := strings.ToLower(v)
	if m != "open" && m != "simple" && m != "cert" {
		return fmt.Sprintf("is %s; it is OPEN, SIMPLE or CERT", shown(v))
	}
	p.SecurityMode = &m
	return ""
}

func attempts(p *Properties, v string) string {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		return fmt.Sprintf("is %s; it is a whole number", shown(v))
	}
	p.RetrievalMaxAttempts = &n
	return ""
}

// wait reads a bare number as milliseconds, as two of Oracle's three tables have it (X2), and a number with its unit as it is.
func wait(p *Properties, v string) string {
	span := v
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n >= 0 {
		if span = v + "ms"; n%1000 == 0 {
			span = strconv.FormatInt(n/1000, 10) + "s"
		}
	} else if d, err := time.ParseDuration(v); err != nil || d < 0 {
		return fmt.Sprintf("is %s; it is a number of milliseconds", shown(v))
	}
	p.RetrievalMaxWait = &span
	return ""
}
