// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// pricingClient asks the pricing service, without a deadline.
type pricingClient struct {
	url  string
	http http.Client
}

type quote struct {
	Cents int `json:"cents"`
}

func newPricingClient(url string) *pricingClient {
	return &pricingClient{
		url:  url,
		http: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
}

func (c *pricingClient) quote(product int) (int, error) {
	resp, err := c.http.Get(fmt.Sprintf("%s/quote/%d", c.url, product))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var q quote
	err = json.NewDecoder(resp.Body).Decode(&q)
	return q.Cents, err
}
