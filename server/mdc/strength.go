package mdc

import (
	"math"
	"strings"
	"unicode"
)

// StrongPassphrase is how many bits a passphrase should have by PassphraseBits. One that concord makes has more; one below may be guessed by
// somebody who stood between two data centers while they paired, and then has all the time there is.
const StrongPassphrase = 120

// wordBits is what a word is worth that was drawn from a list of 7,776.
const wordBits = 12.9

// PassphraseBits estimates how hard a passphrase is to guess, in bits, as if its characters were drawn at random from the
// classes that occur: too high for what a person thought up, never too low by much. Words count as words, and what goes on as it
// began (aaaa, 1234) not at all.
func PassphraseBits(s string) float64 {
	words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '-' || r == '_' || r == '.' })
	if len(words) > 1 && !strings.ContainsFunc(strings.Join(words, ""), func(r rune) bool { return !unicode.IsLetter(r) }) {
		return float64(distinct(words)) * wordBits
	}
	seen := map[rune]bool{}
	var alphabet, counted float64
	var classes [4]bool
	var last, step rune
	for i, r := range []rune(strings.Join(words, "")) {
		seen[r] = true
		classes[classOf(r)] = true
		if now := r - last; i < 2 || now != step || now > 1 || now < -1 {
			counted++
		}
		last, step = r, r-last
	}
	for i, size := range []float64{26, 26, 10, 33} {
		if classes[i] {
			alphabet += size
		}
	}
	if few := float64(len(seen)); few <= 8 {
		alphabet = math.Min(alphabet, few)
	}
	if alphabet < 2 {
		return 0
	}
	return counted * math.Log2(alphabet)
}

func classOf(r rune) int {
	switch {
	case r >= 'a' && r <= 'z':
		return 0
	case r >= 'A' && r <= 'Z':
		return 1
	case r >= '0' && r <= '9':
		return 2
	}
	return 3
}

func distinct(words []string) int {
	seen := map[string]bool{}
	for _, w := range words {
		seen[strings.ToLower(w)] = true
	}
	return len(seen)
}
