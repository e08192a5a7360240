package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// MaxPassword is the longest password or secret in bytes; a longer one is refused before any hashing (SEC-33).
const MaxPassword = 1024

// What new hashes cost: argon2id with t=2, m=19 MiB, p=1 (OWASP ASVS 5.0).
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashLanes  = 1
	saltBytes  = 16
	tagBytes   = 32
)

const defaultWait = 2 * time.Second

// lineFor is how many checks may be under way for each that is hashed at once: about as many as get their turn within defaultWait.
const lineFor = 64

// HasherConfig sets the bounds of a Hasher. The zero value is the default.
type HasherConfig struct {
	Concurrency int           // hashes at once; 0 = cores. Each takes 19 MiB
	MaxWait     time.Duration // how long a caller waits for its turn; 0 = 2 s
	// Rest says how long the turn of a hash that took so long stays taken after it, so that others get the cores. nil = not at all.
	Rest func(took time.Duration) time.Duration
}

// Hasher makes and checks argon2id hashes. Safe for concurrent use.
type Hasher struct {
	turns   chan struct{} // one element for each hash that runs
	line    chan struct{} // one for each check that is under way, from before it asks anybody
	maxWait time.Duration
	rest    func(took time.Duration) time.Duration // nil = none
	dummy   digest                                 // what stands in for the hash of a user who has none
}

// NewHasher makes a Hasher. Negative bounds are refused.
func NewHasher(c HasherConfig) (*Hasher, error) {
	if c.Concurrency < 0 || c.MaxWait < 0 {
		return nil, errors.New("make hasher: negative bound")
	}
	if c.Concurrency == 0 {
		c.Concurrency = runtime.GOMAXPROCS(0)
	}
	if c.MaxWait == 0 {
		c.MaxWait = defaultWait
	}
	d := fresh()
	d.tag = random(tagBytes) // nobody knows a password that gives it
	return &Hasher{turns: make(chan struct{}, c.Concurrency), line: make(chan struct{}, lineFor*c.Concurrency), maxWait: c.MaxWait, rest: c.Rest, dummy: d}, nil
}

// Hash gives the PHC string of plain (RFC 9106; salt 16, tag 32 bytes). Faults: Invalid "secret_too_long" beyond
// MaxPassword; Unavailable "busy" when no turn came in time.
func (h *Hasher) Hash(ctx context.Context, plain string) (phc string, err error) {
	d := fresh()
	err = h.run(ctx, plain, func() { d.tag = d.compute(plain) })
	if err != nil {
		return "", err
	}
	return d.encode(), nil
}

// Verify says whether plain gives hash, whatever its form and parameters (parseStored). Faults as of Hash; one that cannot be read
// is an error without a fault.
func (h *Hasher) Verify(ctx context.Context, hash, plain string) (ok bool, err error) {
	d, err := parseStored(hash)
	if err != nil {
		return false, fmt.Errorf("read stored hash: %w", err)
	}
	err = h.run(ctx, plain, func() { ok = d.fits(plain) })
	return ok, err
}

// Waste takes the turn, the time and the memory of one check of plain and says nothing: the work for a user who does not
// exist equals that for one who does (SEC-31). Faults as of Hash.
func (h *Hasher) Waste(ctx context.Context, plain string) error {
	return h.run(ctx, plain, func() { h.dummy.fits(plain) })
}

// run calls work when a turn is free.
func (h *Hasher) run(ctx context.Context, plain string, work func()) error {
	if len(plain) > MaxPassword {
		return fault.New(fault.Invalid, "secret_too_long", "A password or secret may have at most %d bytes.", MaxPassword)
	}
	if err := h.enter(ctx); err != nil {
		return err
	}
	began := time.Now()
	defer func() { h.leave(time.Since(began)) }()
	work()
	return nil
}

// leave gives a turn back, after its rest.
func (h *Hasher) leave(took time.Duration) {
	rest := time.Duration(0)
	if h.rest != nil {
		rest = h.rest(took)
	}
	if rest <= 0 {
		<-h.turns
		return
	}
	time.AfterFunc(rest, func() { <-h.turns })
}

// stand takes a place in the line of those who want a check, before anything is asked or looked up for them: so a flood of sign-ins
// makes no more questions to other data centers than there are places. Unavailable "busy" when the line is full. leave gives the
// place back.
func (h *Hasher) stand() (leave func(), err error) {
	select {
	case h.line <- struct{}{}:
		return func() { <-h.line }, nil
	default:
		return nil, h.busy()
	}
}

func (h *Hasher) busy() error {
	e := fault.New(fault.Unavailable, "busy", "Too many people sign in at this moment. Try again in a few seconds.")
	e.RetryAfter = h.maxWait
	return e
}

func (h *Hasher) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("wait for a turn to hash: %w", err)
	}
	select {
	case h.turns <- struct{}{}:
		return nil
	default:
	}
	wait := time.NewTimer(h.maxWait)
	defer wait.Stop()
	select {
	case h.turns <- struct{}{}:
		return nil
	case <-wait.C:
		return h.busy()
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn to hash: %w", ctx.Err())
	}
}

// fresh gives today's parameters with a new salt and room for the tag.
func fresh() digest {
	return digest{
		parameters: today(),
		salt:       random(saltBytes),
		tag:        make([]byte, tagBytes),
	}
}

// random gives n bytes of the system's generator, which never fails (crypto/rand).
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func today() parameters {
	return parameters{memory: hashMemory, passes: hashPasses, lanes: hashLanes}
}
