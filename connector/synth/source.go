package synth

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
	Model  string
	Serial string // the provider's own id
}

// providers is one provider of each source type that the resources need.
func (g *Generator) providers() []Provider {
	list := []Provider{
		pick(g.dice,
			Provider{Slug: "apple_health_kit", Name: "Apple", Type: "watch", AppID: "com.apple.health", Device: Device{Model: "Watch"}},
			Provider{Slug: "garmin", Name: "Garmin", Type: "watch", Device: Device{Model: "Forerunner"}},
			Provider{Slug: "fitbit", Name: "Fitbit", Type: "watch", Device: Device{Model: "Sense"}}),
		pick(g.dice,
			Provider{Slug: "oura", Name: "Oura", Type: "ring", Device: Device{Model: "Ring"}},
			Provider{Slug: "ultrahuman", Name: "Ultrahuman", Type: "ring", Device: Device{Model: "Air"}}),
		{Slug: "withings", Name: "Withings", Type: "scale", Device: Device{Model: "Body"}},
		{Slug: "omron", Name: "Omron", Type: "cuff", Device: Device{Model: "Evolv"}},
		{Slug: "dexcom_v3", Name: "Dexcom", Type: "automatic", Device: Device{Model: "G7"}},
		{Slug: "tandem_source", Name: "Tandem", Type: "insulin_pump", Device: Device{Model: "Mobi"}},
		{Slug: "cronometer", Name: "Cronometer", Type: "app"},
		{Slug: "us_biotek", Name: "US BioTek", Type: "lab"},
	}
	for i := range list {
		if d := &list[i].Device; d.Model != "" {
			d.ID, d.Serial = g.dice.uuid(), g.dice.uuid()[:8]
		}
	}
	return list
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
