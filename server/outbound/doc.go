// Package outbound opens the connections that a node makes to other machines: to partners, to what a trust inspection looks at,
// and to whatever else an administrator names by an address.
//
// It owns the rule which addresses may be dialled. It is called by app, which makes one Dialer for the node and hands its
// DialContext to every room that connects to something. It must not know who is dialled, nor why.
//
// Guarantees: the rule is asked for the IP address that the connection is really made to, after names are resolved and for each
// attempt, so a name that resolves differently the second time gains nothing (SEC-48). Link-local addresses, where clouds answer
// with a machine's credentials, and addresses that are no single machine's are never dialled, however they are spelled: also as
// IPv4 within IPv6. Proxies of the environment are not used, because a proxy would dial in our place.
package outbound
