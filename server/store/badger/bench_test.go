package badger_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
	"github.com/concord-access/terraform-provider-concord/server/store/mirror"
)

func benchKey(i uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("s/"), i*0x9E3779B97F4A7C15)
}

// BenchmarkUpdate is one durable write of 250 bytes for each Update, with 1 and with 64 and 1,024 callers.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchUpdate(b, callers, badger.Config{}) })
	}
	b.Run("callers=1/mirrored", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "head")
		benchUpdate(b, 1, badger.Config{Mirror: &badger.MirrorConfig{Path: path, Key: []byte("head")}})
	})
}

func benchUpdate(b *testing.B, callers int, cfg badger.Config) {
	cfg.Dir = b.TempDir()
	s, err := badger.Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	value := make([]byte, 250)
	var next atomic.Uint64
	b.ReportAllocs()
	b.ResetTimer()
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			for i := next.Add(1); i <= uint64(b.N); i = next.Add(1) {
				err := s.Update(context.Background(), func(w store.Writer) error {
					if cfg.Mirror != nil {
						if err := w.Put(cfg.Mirror.Key, value[:64], 0); err != nil {
							return err
						}
					}
					return w.Put(benchKey(i), value, 0)
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	callersDone.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
}

// BenchmarkSync is the floor of BenchmarkUpdate with one caller: the same bytes appended to a file and synced.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for b.Loop() {
		if _, err := f.Write(make([]byte, 280)); err != nil {
			b.Fatal(err)
		}
		if err := mirror.SyncData(f); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGet is View and Get of a random key among 100,000.
func BenchmarkGet(b *testing.B) {
	s, err := badger.Open(badger.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const keys = 100_000
	for from := uint64(0); from < keys; from += 5000 {
		err := s.Update(context.Background(), func(w store.Writer) error {
			for i := from; i < from+5000; i++ {
				if err := w.Put(benchKey(i), make([]byte, 250), 0); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Uint64
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			key := benchKey(next.Add(7919) % keys)
			err := s.View(context.Background(), func(r store.Reader) error {
				_, err := r.Get(key)
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
}
