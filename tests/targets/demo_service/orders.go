// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

type order struct {
	ID        int64 `json:"id"`
	Product   int   `json:"product"`
	Cents     int   `json:"cents"`
	Backorder bool  `json:"backorder"`

	finished  chan error
	restocked chan struct{}
}

// orderService takes orders and has a fixed number of workers process them.
type orderService struct {
	queue   chan *order
	stock   *inventory
	pricing *pricingClient
	lastID  int64
	waiting int64
}

func newOrderService(workers int, stock *inventory, pricing *pricingClient) *orderService {
	s := &orderService{queue: make(chan *order, workers), stock: stock, pricing: pricing}
	for i := 0; i < workers; i++ {
		go s.processOrders()
	}
	return s
}

func (s *orderService) handleOrder(w http.ResponseWriter, r *http.Request) {
	product, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/orders/"))
	if err != nil || r.Method != http.MethodPost {
		http.Error(w, "POST /orders/NUMBER", http.StatusBadRequest)
		return
	}
	o := &order{
		ID:        atomic.AddInt64(&s.lastID, 1),
		Product:   product,
		finished:  make(chan error, 1),
		restocked: make(chan struct{}),
	}
	if err := s.submit(o); err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(o)
}

// submit queues the order and waits for its end: the back pressure of a pool that is too small
// is felt here.
func (s *orderService) submit(o *order) error {
	s.queue <- o
	return s.awaitResult(o)
}

func (s *orderService) awaitResult(o *order) error { return <-o.finished }

// processOrders is one worker.
func (s *orderService) processOrders() {
	for o := range s.queue {
		o.finished <- s.process(o)
	}
}

func (s *orderService) process(o *order) error {
	if !s.stock.reserve(o.Product) {
		o.Backorder = true
		atomic.AddInt64(&s.waiting, 1)
		go s.notifyWhenRestocked(o)
	}
	cents, err := s.pricing.quote(o.Product)
	o.Cents = cents
	return err
}

// notifyWhenRestocked is the leak: nobody ever sends on restocked.
func (s *orderService) notifyWhenRestocked(o *order) {
	<-o.restocked
	atomic.AddInt64(&s.waiting, -1)
}

func (s *orderService) placed() int64      { return atomic.LoadInt64(&s.lastID) }
func (s *orderService) backordered() int64 { return atomic.LoadInt64(&s.waiting) }
