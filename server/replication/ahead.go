package replication

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Ahead gives at once what follows a position that the clone `by` does not have yet: it asks for the next page while it
// applies the one before. Nothing is acknowledged by it. Errors as of Journal.
func (f *Feed) Ahead(ctx context.Context, by Caller, agreement string, at mdc.Position) (Page, error) {
	return f.page(ctx, by, agreement, at, maxPage)
}

// leaf is a page whose records are checked and opened.
type leaf struct {
	Page
	from    mdc.Position      // that it continues; set when it was asked for ahead
	records []journal.Record  // up to the first that cannot be accepted
	refusal error             // why that one cannot; nil = all can
	ready   *journal.Prepared // nil = nothing is prepared
}

// last is the position that the records lead to; false without any.
func (l *leaf) last() (mdc.Position, bool) {
	if len(l.records) == 0 {
		return mdc.Position{}, false
	}
	r := l.records[len(l.records)-1]
	return mdc.Position{Epoch: r.Epoch, Sequence: r.Sequence, Digest: r.Digest}, true
}

// open checks and opens the records of a page that continues a position.
func (p *pursuit) open(page Page) *leaf {
	l := &leaf{Page: page, records: make([]journal.Record, 0, len(page.Records))}
	for _, e := range page.Records {
		rec, err := p.record(e)
		if err != nil {
			l.refusal = err
			return l
		}
		l.records = append(l.records, rec)
	}
	return l
}

// ahead brings the pages that follow the one in hand while that is applied: one goroutine asks and opens, another prepares, so
// that of three pages in a row each is at another stage. No more than these and the one in hand are in memory.
type ahead struct {
	p      *pursuit
	cancel context.CancelFunc
	opened chan *leaf // unbuffered, closed when no more come
	ready  chan *leaf // likewise
}

// askAhead begins to ask for what follows a page that is not yet applied, when the master has more and answers such questions.
func (p *pursuit) askAhead(ctx context.Context, l *leaf) {
	if p.next != nil || !l.more() {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{p: p, cancel: cancel, opened: make(chan *leaf), ready: make(chan *leaf)}
	p.next = a
	go a.ask(ctx, l) // both are joined by takeAhead or dropAhead: a.ready is closed when they have ended
	go a.prepare(ctx, l)
}

// more says whether what follows the page can be asked for ahead.
func (l *leaf) more() bool {
	at, some := l.last()
	return l.Ahead && some && l.refusal == nil && at.Sequence < l.Latest
}

// ask brings one page after another until there are no more, or something is wrong: that is found out by asking again in the way
// that acknowledges.
func (a *ahead) ask(ctx context.Context, l *leaf) {
	defer close(a.opened)
	for l.more() {
		at, _ := l.last()
		page, err := a.page(ctx, at)
		if err != nil || len(page.Records) == 0 {
			return
		}
		l = a.p.open(page)
		l.from = at
		select {
		case a.opened <- l:
		case <-ctx.Done():
			return
		}
	}
}

func (a *ahead) page(ctx context.Context, at mdc.Position) (Page, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return a.p.f.c.Sources.Ahead(ctx, a.p.a.Source, a.p.a.Identifier, at)
}

// prepare works out what the records of a page do to the digest. A page is handed over when the one before it is in the store, so
// that only that one is on its way while the next is prepared.
func (a *ahead) prepare(ctx context.Context, under *leaf) {
	defer close(a.ready)
	for l := range a.opened { // to its end, also when nothing is wanted any more: that joins ask
		if ctx.Err() != nil {
			continue
		}
		var err error
		if l.ready, err = a.p.f.c.Log.Prepare(ctx, l.from, under.records, under.ready, l.records); err != nil {
			a.cancel()
			continue
		}
		select {
		case <-ctx.Done():
		case a.ready <- l:
			under = l
		}
	}
}

// takeAhead gives the next page that was asked for ahead if it continues the position reached; nil else. Then it is asked again, in
// the way that acknowledges and tells what is wrong.
func (p *pursuit) takeAhead(at mdc.Position) *leaf {
	a := p.next
	if a == nil {
		return nil
	}
	p.interruptible(a.cancel)
	l := <-a.ready
	p.interruptible(nil)
	if l == nil || l.from != at {
		p.dropAhead()
		return nil
	}
	return l
}

// dropAhead ends and joins the questions that nobody waits for any more.
func (p *pursuit) dropAhead() {
	if p.next == nil {
		return
	}
	p.next.cancel()
	for range p.next.ready { //nolint:revive // what it still brings is of no use
	}
	p.next = nil
}
