package synth

import "time"

// Provider is one source of a user's records.
type Provider struct {
	Slug   string
	Name   string
	Type   string // Junction's source type
	AppID  string // "" for none
	Device Device // zero for none
}

// Device is what a provider records with.
type Device struct {
	ID     string // Junction's id, a UUID
	Maker  string
	Model  string
	Serial string // the provider's own id
}

// providers is one provider of each kind that the catalogue's resources need.
func (g *Generator) providers() []Provider {
	kinds := [][]Provider{
		{
			{Slug: "apple_health_kit", Name: "Apple HealthKit", Type: "watch", AppID: "com.apple.health", Device: Device{Maker: "Apple", Model: "Watch"}},
			{Slug: "garmin", Name: "Garmin", Type: "watch", Device: Device{Maker: "Garmin", Model: "Forerunner"}},
			{Slug: "fitbit", Name: "Fitbit", Type: "watch", Device: Device{Maker: "Fitbit", Model: "Sense"}},
		},
		{
			{Slug: "oura", Name: "Oura", Type: "ring", Device: Device{Maker: "Oura", Model: "Ring"}},
			{Slug: "ultrahuman", Name: "Ultrahuman", Type: "ring", Device: Device{Maker: "Ultrahuman", Model: "Air"}},
		},
		{
			{Slug: "withings", Name: "Withings", Type: "scale", Device: Device{Maker: "Withings", Model: "Body"}},
			{Slug: "renpho", Name: "Renpho", Type: "scale", Device: Device{Maker: "Renpho", Model: "Elis"}},
		},
		{{Slug: "omron", Name: "Omron", Type: "cuff", Device: Device{Maker: "Omron", Model: "Evolv"}}},
		{{Slug: "dexcom_v3", Name: "Dexcom", Type: "automatic", Device: Device{Maker: "Dexcom", Model: "G7"}}},
		{{Slug: "tandem_source", Name: "Tandem Source", Type: "insulin_pump", Device: Device{Maker: "Tandem", Model: "Mobi"}}},
		{{Slug: "cronometer", Name: "Cronometer", Type: "app"}},
		{{Slug: "us_biotek", Name: "US BioTek", Type: "lab"}},
	}
	var providers []Provider
	for _, kind := range kinds {
		p := pick(g.dice, kind)
		if p.Device.Maker != "" {
			p.Device.ID = g.dice.uuid()
			p.Device.Serial = g.dice.uuid()[:8]
		}
		providers = append(providers, p)
	}
	return providers
}

// provider is the user's first of that source type, else the first of all,
// else entries by hand.
func (u User) provider(sourceType string) Provider {
	for _, p := range u.Providers {
		if p.Type == sourceType {
			return p
		}
	}
	if len(u.Providers) > 0 {
		return u.Providers[0]
	}
	return Provider{Slug: "manual", Name: "Manual", Type: "unknown"}
}

// source is how an era wrote a provider beside a record.
func (p Provider) source(gen Generation) object {
	switch gen {
	case Legacy2023:
		return p.display()
	case Docs2024:
		return object{"provider": p.Slug, "type": p.Type}
	default:
		return object{"provider": p.Slug, "type": p.Type, "app_id": orNull(p.AppID), "device_id": orNull(p.Device.ID)}
	}
}

// display is a provider as people see it.
func (p Provider) display() object {
	return object{"name": p.Name, "slug": p.Slug, "logo": "https://logos.example/" + p.Slug + ".svg"}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// stamp is how an era wrote a time: UTC, with microseconds in 2023, later only
// where there are any.
func stamp(t time.Time, gen Generation) string {
	if gen == Legacy2023 {
		return t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999-07:00")
}
