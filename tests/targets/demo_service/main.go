// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program demo_service is a small web shop with the troubles of a big one: a worker pool that is
// too small for its slow downstream, one mutex around a hot map, and a goroutine leak.
//
//	GET  /products/N   how many of product N are in stock
//	POST /orders/N     order one: queued for the worker pool, which asks the pricing service
//
// The pricing service and, with -load, the customers are another process that this one starts,
// so that only the shop itself is seen in the shop.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"

	"conctrace.test/targets/internal/ctl"
)

var (
	listen   = flag.String("listen", "127.0.0.1:0", "`address` to serve on")
	workers  = flag.Int("workers", 8, "order workers")
	products = flag.Int("products", 150000, "products in stock")
	latency  = flag.Duration("pricing-latency", 80*time.Millisecond, "how slow the pricing service is")
	audits   = flag.Duration("audit-interval", 25*time.Millisecond, "time between two stock audits")
	load     = flag.Int("load", 0, "customers to send, from another process")
	outside  = flag.Bool("outside", false, "internal: be the pricing service and the customers")
)

func main() {
	ctl.Parse()
	if *outside {
		runOutside()
		return
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	shop := fmt.Sprintf("http://%s", listener.Addr())
	stock := newInventory(*products)
	orders := newOrderService(*workers, stock, newPricingClient(startOutside(shop)))
	go stock.auditPeriodically(*audits)
	go http.Serve(listener, routes(orders, stock))
	fmt.Printf("listening %s/\n", shop)
	ctl.Run(ctl.Program{
		Endless: true,
		Go:      outsideWorld.openDoors,
		Stop:    outsideWorld.end,
		Report: func() interface{} {
			return map[string]interface{}{
				"orders":         orders.placed(),
				"leaked":         orders.backordered(),
				"inventory_lock": fmt.Sprintf("%p", &stock.mu),
				"order_queue":    fmt.Sprintf("%p", orders.queue),
			}
		},
	})
}

func routes(orders *orderService, stock *inventory) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/products/", stock.handleProduct)
	mux.HandleFunc("/orders/", orders.handleOrder)
	return mux
}
