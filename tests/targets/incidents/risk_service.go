// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

func init() { register("leak.growth/retry", riskService) }

const (
	ordersEvery  = 50 * time.Millisecond
	riskPatience = 300 * time.Millisecond
	riskBackoff  = 200 * time.Millisecond
	riskFeatures = 64 << 10
)

// The risk control of a shop: each order is scored by a service that is down. Who asks gives up after
// a while, but the loop that tries again was never told, and keeps the order's features. Fixed, it
// listens to the order's context, and answers with a default after the second attempt.
func riskService(fixed bool) {
	service := &riskControl{fixed: fixed}
	go func() {
		for range time.Tick(ordersEvery) {
			atomic.AddInt64(&service.orders, 1)
			go service.check()
		}
	}()
	begin := time.Now()
	learn(func() {
		know("orders", atomic.LoadInt64(&service.orders))
		know("scoring", atomic.LoadInt64(&service.scoring))
		know("bytes", atomic.LoadInt64(&service.scoring)*riskFeatures)
		know("elapsed_ns", int64(time.Since(begin)))
	})
}

type riskControl struct {
	fixed           bool
	orders, scoring int64
}

type score struct{ risk int }

func (r *riskControl) check() score {
	ctx, cancel := context.WithTimeout(context.Background(), riskPatience)
	defer cancel()
	scores := make(chan score, 1)
	features := make([]byte, riskFeatures)
	for i := range features {
		features[i] = byte(i)
	}
	atomic.AddInt64(&r.scoring, 1)
	if r.fixed {
		go r.scoreInTime(ctx, features, scores)
	} else {
		go r.scoreWithRetry(features, scores)
	}
	giveUp := time.AfterFunc(riskPatience, func() {
		select {
		case scores <- score{}:
		default:
		}
	})
	defer giveUp.Stop()
	return awaitScore(scores)
}

func awaitScore(scores chan score) score {
	return <-scores
}

func (r *riskControl) scoreWithRetry(features []byte, scores chan score) {
	defer atomic.AddInt64(&r.scoring, -1)
	for {
		answer, err := askScorer(features)
		if err == nil {
			scores <- answer
			return
		}
		here()
		time.Sleep(riskBackoff)
	}
}

func (r *riskControl) scoreInTime(ctx context.Context, features []byte, scores chan score) {
	defer atomic.AddInt64(&r.scoring, -1)
	for attempt := 0; attempt < 2; attempt++ {
		if answer, err := askScorer(features); err == nil {
			scores <- answer
			return
		}
		backoff := time.NewTimer(riskBackoff / 4)
		select {
		case <-backoff.C:
		case <-ctx.Done():
			backoff.Stop()
			return
		}
	}
	scores <- score{}
}

var errNoScorer = errors.New("connect: connection refused")

func askScorer(features []byte) (score, error) {
	if len(features) == 0 {
		return score{}, nil
	}
	return score{risk: int(features[0])}, errNoScorer
}
