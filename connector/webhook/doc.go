// Package webhook is the door for events that come as Svix-signed webhooks:
// for teams whom Junction does not publish to a Pub/Sub topic.
//
// A request is refused or becomes a message such as Junction itself publishes,
// so that everything behind the door is one path. It is verified on its raw
// bytes (https://docs.svix.com/receiving/verifying-payloads/how) before
// anything looks into them, given to a Publisher, and answered with 204 when
// the message is safe there. Whatever goes wrong after the signature was found
// good is answered with 503, and Svix sends the request again, for a day.
//
// What the sender signed is never refused for what is in it: a body that is no
// event ends in quarantine, as it would behind the other doors.
//
// A message carries the time when Svix got it, which is within its id and the
// same however often it is sent, as event-time. The time of the delivery
// (svix-timestamp) decides nothing: a stale event that is sent again is stale.
package webhook
