package client

import (
	"context"
	"net/http"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// simulateTime leaves two seconds for each partner that does not answer, and ten for what it says of its own partners.
const simulateTime = 30 * time.Second

// Simulate asks the data center what a fault would make of signed-in people and of administration. It changes nothing, so it is
// repeated where the answer was lost.
func (c *Client) Simulate(ctx context.Context, q wire.SimulationQuestion) (out wire.Simulation, err error) {
	_, err = c.Do(ctx, Request{Method: http.MethodPost, Path: "/v1/simulate", In: q, Out: &out, Retry: true, Timeout: simulateTime})
	return out, err
}
