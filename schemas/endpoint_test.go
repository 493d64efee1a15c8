package schemas

import "testing"

// TestEndpoint: resources that are found where their names do not say, and
// under older names.
func TestEndpoint(t *testing.T) {
	c := load(t)
	for resource, want := range map[string]Endpoint{
		"sleep": {Path: "/v2/summary/sleep/{user_id}", Form: FormList, Field: "sleep", Dates: true, Event: "daily.data.sleep.created", Resource: "sleep", Known: true},
		"meals": {Path: "/v2/summary/meal/{user_id}", Form: FormList, Field: "meals", Dates: true, Event: "daily.data.meal.created", Resource: "meal", Known: true},
		"weight": {
			Path: "/v2/timeseries/{user_id}/body_weight/grouped", Form: FormGroups, Dates: true, Event: "daily.data.weight.created", Resource: "weight", Known: true,
		},
		"active_energy_burned": {
			Path: "/v2/timeseries/{user_id}/calories_active/grouped", Form: FormGroups, Dates: true,
			Event: "daily.data.calories_active.created", Resource: "calories_active", Known: true,
		},
		"skin_conductance": {
			Path: "/v2/timeseries/{user_id}/skin_conductance/grouped", Form: FormGroups, Dates: true,
			Event: "daily.data.skin_conductance.created", Resource: "skin_conductance",
		},
		"workout_stream": {
			Path: "/v2/timeseries/workouts/{workout_id}/stream", Form: FormColumns, Event: "vitalsink.data.workout_stream.fetched",
			Resource: "workout_stream", Known: true,
		},
		"device": {Path: "/v2/user/{user_id}/device", Form: FormArray, Event: "provider.device.updated", Resource: "device", Known: true},
	} {
		if e, ok := c.Endpoint(resource); !ok || e != want {
			t.Errorf("%s: %+v, want %+v", resource, e, want)
		}
	}
	if e, ok := c.Endpoint(""); ok {
		t.Errorf("no resource: %+v", e)
	}
	if n := len(c.Endpoints()); n != 9+51+2 {
		t.Errorf("%d endpoints, want those of 9 summaries, 51 series, devices and streams", n)
	}
}
