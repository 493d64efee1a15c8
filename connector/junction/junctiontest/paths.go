package junctiontest

// Kind is a kind of path, for counting requests.
type Kind string

// The kinds of path.
const (
	AnyKind   Kind = ""
	Summary   Kind = "summary"
	Profile   Kind = "profile"
	Grouped   Kind = "grouped"
	Stream    Kind = "stream"
	Users     Kind = "users"
	User      Kind = "user"
	Providers Kind = "providers"
	Devices   Kind = "devices"
	Resources Kind = "introspect.resources"
	Pulls     Kind = "introspect.historical_pull"
	Unknown   Kind = "unknown" // what no table of ours has
)

// lists are the fields in which summaries come, by the name in the path, which
// is that of event types too.
var lists = map[string]string{
	"activity":          "activity",
	"sleep":             "sleep",
	"sleep_cycle":       "sleep_cycle",
	"workouts":          "workouts",
	"body":              "body",
	"meal":              "meals",
	"menstrual_cycle":   "menstrual_cycle",
	"electrocardiogram": "electrocardiogram",
}

// What is neither in a list nor a timeseries.
const (
	profile = "profile"
	devices = "devices"
)

// renamed are the timeseries whose name in paths differs from that in event
// types.
var renamed = map[string]string{"body_weight": "weight", "body_fat": "fat"}

// timeseries are the other timeseries that are documented. This table is the
// stand-in's own, on purpose: a test that took it from the catalogue would find
// no mistake in the catalogue.
var timeseries = setOf(
	"afib_burden", "basal_body_temperature", "blood_oxygen", "blood_pressure", "body_mass_index",
	"body_temperature", "body_temperature_delta", "caffeine", "calories_active", "calories_basal",
	"carbohydrates", "cholesterol", "daylight_exposure", "distance", "electrocardiogram_voltage", "fall",
	"floors_climbed", "forced_expiratory_volume_1", "forced_vital_capacity", "glucose", "handwashing",
	"heart_rate_alert", "heart_rate_recovery_one_minute", "heartrate", "hrv", "hypnogram", "ige", "igg",
	"inhaler_usage", "insulin_injection", "lean_body_mass", "mindfulness_minutes", "note",
	"peak_expiratory_flow_rate", "respiratory_rate", "sleep_apnea_alert", "sleep_breathing_disturbance",
	"stand_duration", "stand_hour", "steps", "stress_level", "uv_exposure", "vo2_max", "waist_circumference",
	"water", "wheelchair_push", "workout_distance", "workout_duration", "workout_swimming_stroke",
)

func setOf(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// seriesAt is the name in event types of the timeseries at a path.
func seriesAt(path string) (resource string, known bool) {
	if name, ok := renamed[path]; ok {
		return name, true
	}
	return path, timeseries[path]
}

// isSample tells a sample's resource from those of summaries and devices.
func isSample(resource string) bool {
	return lists[resource] == "" && resource != profile && resource != devices
}
