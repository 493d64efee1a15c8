package synth

import (
	"cmp"
	"strings"
	"time"
)

// notificationTypes are the event types without measurements of the body.
func notificationTypes() []string {
	return []string{
		"provider.connection.created", "provider.connection.error", "provider.device.created", "provider.device.updated",
		"labtest.order.created", "labtest.order.updated", "labtest.result.critical", "labtest.match_review.created",
		"continuous_query.result_table.changed",
	}
}

// notification is the data of an event that is neither of a resource nor of
// its history; of one that nobody knows it says little.
func (g *Generator) notification(r request) any {
	switch prefix, _, _ := strings.Cut(r.eventType, "."); prefix {
	case "provider":
		return g.connection(r)
	case "labtest":
		return g.labtest(r)
	case "continuous_query":
		columns := object{"group_key.0": []string{r.at.Format(time.DateOnly)}, "mean.total": []float64{g.dice.around(25200, 1800, 1)}}
		return []object{{"query_id": g.fixed("query").uuid(), "query_slug": "weekly-sleep", "data": columns}}
	}
	return object{"user_id": r.user.ID, "plan": "more-daylight", "weeks": g.dice.between(2, 8), "starts_at": stamp(r.at, r.gen)}
}

// connection is the connection to any of the user's providers, its failure, or
// a device of it.
func (g *Generator) connection(r request) object {
	p := r.user.provider("")
	if n := len(r.user.Providers); n > 0 {
		p = r.user.Providers[g.dice.IntN(n)]
	}
	d := object{"user_id": r.user.ID, "provider": p.Slug}
	if r.gen == Legacy2023 {
		d["user_key"] = g.userKey(r.user)
	}
	switch {
	case strings.HasSuffix(r.eventType, ".error"):
		d["message"], d["error_details"] = "The connection was lost; the user has to connect again.", "refresh token rejected"
		if r.gen == Modern {
			d["error_type"] = "token_refresh_failed"
		}
	case strings.HasPrefix(r.eventType, "provider.device."):
		d["id"] = cmp.Or(p.Device.ID, g.fixed(r.user.ID, p.Slug, "device").uuid())
		d["source_type"], d["app_id"], d["device_id"] = p.Type, orNull(p.AppID), orNull(p.Device.Serial)
		d["device_manufacturer"], d["device_model"] = p.Name, orNull(p.Device.Model)
		d["device_version"] = pick(g.dice, "1.0", "1.1", "2.0")
	case r.gen == Legacy2023:
		delete(d, "provider")
		d["source"] = object{"source_name": p.Name, "source_slug": p.Slug, "source_logo": p.display()["logo"]}
	default:
		d["provider"], d["source"], d["external_user_id"] = p.display(), p.display(), g.fixed(r.user.ID, p.Slug).uuid()[:13]
		none := object{"required": []string{}, "optional": []string{}}
		scopes := object{"user_granted": object{"required": []string{"read"}, "optional": []string{}}, "user_denied": none}
		d["resource_availability"] = object{"profile": object{"status": "available", "scope_requirements": scopes}}
	}
	return d
}

// labtest is an order of a laboratory test, its critical result, or a result
// whose owner is in doubt. Who the patient is we leave out.
func (g *Generator) labtest(r request) object {
	order := g.fixed(r.user.ID, "order", r.at.Format(time.DateOnly)).uuid()
	if strings.HasPrefix(r.eventType, "labtest.match_review.") {
		return object{"id": order, "status": "pending_ops_review", "decision_code": "multiple_demo_match", "sub_reason_codes": []string{}}
	}
	d := object{
		"user_id": r.user.ID, "team_id": r.user.TeamID, "sample_id": order[:8],
		"created_at": stamp(r.at.Add(-48*time.Hour), r.gen), "updated_at": stamp(r.at, r.gen),
	}
	if strings.HasPrefix(r.eventType, "labtest.result.") {
		d["order_id"], d["status"], d["interpretation"] = order, "final", "critical"
		return d
	}
	d["id"], d["status"] = order, pick(g.dice, "received", "collecting_sample", "completed")
	d["lab_test"] = object{"id": g.fixed("lab test").uuid(), "name": "Lipid panel", "method": "testkit"}
	return d
}

// historical says that the history of a resource, 90 days, has been pulled.
func (g *Generator) historical(r request, resource string) object {
	sourceType := cmp.Or(g.recipes[resource].sourceType, g.series[resource].sourceType, "watch")
	d := object{
		"user_id": r.user.ID, "provider": r.user.provider(sourceType).Slug, "is_final": true,
		"start_date": stamp(r.at.AddDate(0, 0, -90), r.gen), "end_date": stamp(r.at, r.gen),
	}
	if r.gen == Legacy2023 {
		d["user_key"] = g.userKey(r.user)
	}
	return d
}

// workoutStream says that the stream of the workout which began at r.at can be
// fetched.
func (g *Generator) workoutStream(r request) (object, time.Time) {
	s := g.session(r, false)
	return object{
		"user_id": r.user.ID, "workout_id": s.id, "provider_id": s.id[:8], "sport": s.sport.object(),
		"source":  r.user.provider("watch").source(r.gen),
		"message": "The stream is too large for an event; fetch it by its workout_id.",
	}, r.at.Add(time.Duration(s.seconds) * time.Second)
}
