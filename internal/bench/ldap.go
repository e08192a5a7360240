package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// directory is one kept LDAP connection (RFC 4511), spoken by hand as the others are. Its few messages are short.
type directory struct {
	net net.Conn
	in  *bufio.Reader
	id  int
}

// Tags of BER and of LDAP's operations.
const (
	berInteger    = 0x02
	berOctets     = 0x04
	berEnumerated = 0x0a
	berSequence   = 0x30
	berSet        = 0x31
	ldapBind      = 0x60
	ldapSearch    = 0x63
	ldapEntry     = 0x64
	ldapModify    = 0x66
	ldapAdd       = 0x68
	ldapReplace   = 2
)

func dialDirectory(ctx context.Context, address string) (*directory, error) {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	d := &directory{net: c, in: bufio.NewReader(c)}
	if _, err = d.ask(ber(ldapBind, ber(berInteger, []byte{3}), octets(ldapAdmin), ber(0x80, []byte(ldapSecret)))); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("bind: %w", err)
	}
	return d, nil
}

func (d *directory) close() { _ = d.net.Close() }

// add takes attributes as a name and its values each.
func (d *directory) add(dn string, attributes ...[]string) error {
	var list []byte
	for _, a := range attributes {
		var values []byte
		for _, v := range a[1:] {
			values = append(values, octets(v)...)
		}
		list = append(list, ber(berSequence, octets(a[0]), ber(berSet, values))...)
	}
	_, err := d.ask(ber(ldapAdd, octets(dn), ber(berSequence, list)))
	return err
}

func (d *directory) replace(dn, attribute, value string) error {
	change := ber(berSequence, ber(berEnumerated, []byte{ldapReplace}), ber(berSequence, octets(attribute), ber(berSet, octets(value))))
	_, err := d.ask(ber(ldapModify, octets(dn), ber(berSequence, change)))
	return err
}

// read gives an entry as it came over the wire; empty when there is none.
func (d *directory) read(dn string) ([]byte, error) {
	zero := []byte{0}
	entry, err := d.ask(ber(ldapSearch, octets(dn), ber(berEnumerated, zero), ber(berEnumerated, zero), ber(berInteger, zero), ber(berInteger, zero),
		ber(0x01, zero), ber(0x87, []byte("objectClass")), ber(berSequence)))
	if absent := errResult(32); errors.Is(err, absent) { // noSuchObject
		return nil, nil
	}
	return entry, err
}

// errResult is an LDAP result code other than success.
type errResult byte

func (e errResult) Error() string { return "LDAP result " + strconv.Itoa(int(e)) }

// ask sends one operation and reads its answers; entry is the last entry among them.
func (d *directory) ask(operation []byte) (entry []byte, err error) {
	d.id = d.id%120 + 1
	if _, err := d.net.Write(ber(berSequence, ber(berInteger, []byte{byte(d.id)}), operation)); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	for {
		message, err := d.message()
		if err != nil {
			return nil, err
		}
		if len(message) < 4 || message[0] != berInteger || message[1] != 1 {
			return nil, fmt.Errorf("read answer: % x", message[:min(len(message), 16)])
		}
		answer := message[3:]
		if answer[0] == ldapEntry {
			entry = answer
			continue
		}
		at := bytes.IndexByte(answer, berEnumerated) // the first field of a result
		if at < 0 || at+2 >= len(answer) {
			return nil, fmt.Errorf("read result: % x", answer[:min(len(answer), 16)])
		}
		if code := answer[at+2]; code != 0 {
			return entry, errResult(code)
		}
		return entry, nil
	}
}

// message reads one LDAPMessage without its head.
func (d *directory) message() ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(d.in, head[:]); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	length := int(head[1])
	if length > 0x7f {
		more := make([]byte, length&0x7f)
		if _, err := io.ReadFull(d.in, more); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		length = 0
		for _, b := range more {
			length = length<<8 | int(b)
		}
	}
	if length > maxAnswer {
		return nil, fmt.Errorf("read answer: length %d", length)
	}
	message := make([]byte, length)
	if _, err := io.ReadFull(d.in, message); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return message, nil
}

// ber is one element: tag, length, content.
func ber(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	if len(content) < 0x80 {
		return append([]byte{tag, byte(len(content))}, content...)
	}
	return append([]byte{tag, 0x82, byte(len(content) >> 8), byte(len(content))}, content...)
}

func octets(s string) []byte { return ber(berOctets, []byte(s)) }
