package replication

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Ahead gives at once what follows a position that the clone `by` does not have yet: it asks for the next page while it
// applies the one before. Nothing is acknowledged by it. Errors as of Journal.
func (f *Feed) Ahead(ctx context.Context, by Caller, agreement string, at mdc.Position) (Page, error) {
	return f.page(ctx, by, agreement, at)
}

// leaf is a page whose records are checked and opened.
type leaf struct {
	Page
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

// ahead is a question that is under way while a page is applied.
type ahead struct {
	at     mdc.Position // where that page leads to
	cancel context.CancelFunc
	done   chan struct{} // closed when leaf and err are there
	leaf   *leaf
	err    error
}

// askAhead asks for what follows a page that is not yet applied, when the master has more and answers such a question. The
// answer is opened and prepared here, too: applying is what a clone that is behind has to wait for.
func (p *pursuit) askAhead(ctx context.Context, l *leaf) {
	at, some := l.last()
	if !l.Ahead || !some || l.refusal != nil || at.Sequence >= l.Latest {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	a := &ahead{at: at, cancel: cancel, done: make(chan struct{})}
	p.next = a
	go func() { // joined by takeAhead or dropAhead
		defer close(a.done)
		page, err := p.f.c.Sources.Ahead(ctx, p.a.Source, p.a.Identifier, at)
		if err != nil {
			a.err = err
			return
		}
		a.leaf = p.open(page)
		a.leaf.ready, a.err = p.f.c.Log.Prepare(ctx, at, l.records, l.ready, a.leaf.records)
	}()
}

// takeAhead gives the answer that was asked for ahead if it continues the position reached and brings records; nil else.
// Then it is asked again, in the way that acknowledges and tells what is wrong.
func (p *pursuit) takeAhead(at mdc.Position) *leaf {
	a := p.next
	if a == nil {
		return nil
	}
	p.next = nil
	if a.at != at {
		a.cancel()
	}
	p.interruptible(a.cancel)
	<-a.done
	p.interruptible(nil)
	a.cancel()
	if a.at != at || a.err != nil || len(a.leaf.Records) == 0 {
		return nil
	}
	return a.leaf
}

// dropAhead ends and joins a question that nobody waits for any more.
func (p *pursuit) dropAhead() {
	if p.next != nil {
		p.next.cancel()
		<-p.next.done
		p.next = nil
	}
}
