package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	svix "github.com/svix/svix-webhooks/go"

	"vitalsink/connector/pubsub"
	"vitalsink/connector/synth"
	"vitalsink/connector/webhook"
	"vitalsink/transforms"
)

const (
	viaWebhook = "webhook"
	// demoWaiting is what may be on its way to the server, in bytes.
	demoWaiting = 16 << 20
)

// demoDoor opens a webhook door on the loopback interface, in front of a
// Pub/Sub server, and sends to it as Svix would, with Svix's own library.
func demoDoor(ctx context.Context, server string) (send func(context.Context, *transforms.Message) error, stop func() error, err error) {
	topic, err := pubsub.NewTopicAt(ctx, server, demoProject, "junction", demoWaiting)
	if err != nil {
		return nil, nil, err
	}
	secret := make([]byte, 24)
	_, _ = rand.Read(secret) // it always can
	text := "whsec_" + base64.StdEncoding.EncodeToString(secret)
	key, keyErr := svix.NewWebhook(text)
	secrets, secretErr := webhook.ParseSecrets(text)
	listener, listenErr := listen(ctx, "listen", "127.0.0.1:0")
	if err := errors.Join(keyErr, secretErr, listenErr); err != nil {
		return nil, nil, errors.Join(err, topic.Close())
	}
	door := &webhook.Door{Publisher: topic, Secrets: secrets, Log: slog.New(slog.DiscardHandler)}
	serving, shut := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- door.Serve(serving, listener) }()
	url := "http://" + listener.Addr().String() + "/webhooks/junction"
	return func(ctx context.Context, m *transforms.Message) error { return post(ctx, url, key, m) },
		func() error {
			shut()
			return errors.Join(<-ended, topic.Close())
		}, nil
}

// post sends a message as a signed webhook.
func post(ctx context.Context, url string, key *svix.Webhook, m *transforms.Message) error {
	id, body := synth.Webhook(m)
	now := time.Now()
	signature, err := key.Sign(id, now, body)
	if err != nil {
		return fmt.Errorf("sign webhook: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Svix-Id", id)
	r.Header.Set("Svix-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Svix-Signature", signature)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("post webhook: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("post webhook: %s", answer.Status)
	}
	return nil
}
