package transforms_test

import (
	"encoding/json"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// The events of the benchmarks as structs, and their columns.

type jsonEnvelope struct {
	EventType    string  `json:"event_type"`
	UserID       *string `json:"user_id"`
	TeamID       *string `json:"team_id"`
	ClientUserID *string `json:"client_user_id"`
}

type jsonEvent[T any] struct {
	jsonEnvelope
	Data T `json:"data"`
}

type jsonSource struct {
	Provider  *string `json:"provider"`
	Type      *string `json:"type"`
	AppID     *string `json:"app_id"`
	DeviceID  *string `json:"device_id"`
	Sport     *string `json:"sport"`
	WorkoutID *string `json:"workout_id"`
}

func (s *jsonSource) columns(c *cursor) {
	c.texts(s.Provider, s.Type, s.AppID, s.DeviceID, s.Sport, s.WorkoutID)
}

type jsonSeries struct {
	Source jsonSource   `json:"source"`
	Data   []jsonSample `json:"data"`
}

type jsonSample struct {
	Timestamp      *time.Time `json:"timestamp"`
	Start          *time.Time `json:"start"`
	End            *time.Time `json:"end"`
	Value          *float64   `json:"value"`
	Unit           *string    `json:"unit"`
	Type           *string    `json:"type"`
	TimezoneOffset *int64     `json:"timezone_offset"`
	Systolic       *float64   `json:"systolic"`
	Diastolic      *float64   `json:"diastolic"`
	SensorLocation *string    `json:"sensor_location"`
	Intensity      *string    `json:"intensity"`
	Tags           []string   `json:"tags"`
	DeliveryMode   *string    `json:"delivery_mode"`
	DeliveryForm   *string    `json:"delivery_form"`
	BolusPurpose   *string    `json:"bolus_purpose"`
}

func (s *jsonSample) columns(c *cursor, e *jsonEvent[jsonSeries], resource string) {
	source := &e.Data.Source
	c.texts(e.UserID, e.TeamID, e.ClientUserID, &resource, source.Provider, source.Type)
	c.time(s.Timestamp)
	discriminator := ""
	if resource == "workout_distance" && source.WorkoutID != nil {
		discriminator = *source.WorkoutID
	}
	c.text(&discriminator)
	c.time(s.Start)
	c.time(s.End)
	c.floats(s.Value)
	c.texts(nil, s.Unit, s.Type)
	c.ints(s.TimezoneOffset)
	c.floats(s.Systolic, s.Diastolic)
	c.texts(s.SensorLocation, s.Intensity)
	tags := c.next().(*array.ListBuilder)
	tags.Append(true)
	for _, tag := range s.Tags {
		tags.ValueBuilder().(*array.StringBuilder).Append(tag)
	}
	c.texts(s.DeliveryMode, s.DeliveryForm, s.BolusPurpose)
	c.texts(source.AppID, source.DeviceID, source.WorkoutID, source.Sport)
}

// jsonSummary is what all summaries have.
type jsonSummary struct {
	ID        *string    `json:"id"`
	Source    jsonSource `json:"source"`
	CreatedAt *time.Time `json:"created_at"`
	UpdatedAt *time.Time `json:"updated_at"`
}

func (s *jsonSummary) updated() *time.Time { return s.UpdatedAt }

func (s *jsonSummary) begin(c *cursor, e *jsonEnvelope) {
	c.texts(e.UserID, s.ID, e.TeamID, e.ClientUserID)
}

func (s *jsonSummary) end(c *cursor) {
	s.Source.columns(c)
	c.time(s.CreatedAt)
	c.time(s.UpdatedAt)
}

type jsonSleep struct {
	jsonSummary
	Date             *time.Time      `json:"date"`
	CalendarDate     *string         `json:"calendar_date"`
	BedtimeStart     *time.Time      `json:"bedtime_start"`
	BedtimeStop      *time.Time      `json:"bedtime_stop"`
	Type             *string         `json:"type"`
	TimezoneOffset   *int64          `json:"timezone_offset"`
	Duration         *int64          `json:"duration"`
	Total            *int64          `json:"total"`
	Awake            *int64          `json:"awake"`
	Light            *int64          `json:"light"`
	REM              *int64          `json:"rem"`
	Deep             *int64          `json:"deep"`
	Score            *int64          `json:"score"`
	Readiness        *int64          `json:"recovery_readiness_score"`
	HRLowest         *int64          `json:"hr_lowest"`
	HRAverage        *int64          `json:"hr_average"`
	HRResting        *int64          `json:"hr_resting"`
	Efficiency       *float64        `json:"efficiency"`
	Latency          *int64          `json:"latency"`
	TemperatureDelta *float64        `json:"temperature_delta"`
	SkinTemperature  *float64        `json:"skin_temperature"`
	HRDip            *float64        `json:"hr_dip"`
	State            *string         `json:"state"`
	AverageHRV       *float64        `json:"average_hrv"`
	RespiratoryRate  *float64        `json:"respiratory_rate"`
	SleepStream      json.RawMessage `json:"sleep_stream"`
}

func (s *jsonSleep) columns(c *cursor, e *jsonEnvelope) {
	s.begin(c, e)
	c.time(s.Date)
	c.date(s.CalendarDate)
	c.time(s.BedtimeStart)
	c.time(s.BedtimeStop)
	c.text(s.Type)
	c.ints(s.TimezoneOffset, s.Duration, s.Total, s.Awake, s.Light, s.REM, s.Deep, s.Score, s.Readiness)
	c.ints(s.HRLowest, s.HRAverage, s.HRResting)
	c.floats(s.Efficiency)
	c.ints(s.Latency)
	c.floats(s.TemperatureDelta, s.SkinTemperature, s.HRDip)
	c.text(s.State)
	c.floats(s.AverageHRV, s.RespiratoryRate)
	if s.SleepStream == nil {
		c.null()
	} else {
		stream := string(s.SleepStream)
		c.text(&stream)
	}
	s.end(c)
}

type jsonActivity struct {
	jsonSummary
	Date           *time.Time `json:"date"`
	CalendarDate   *string    `json:"calendar_date"`
	CaloriesTotal  *float64   `json:"calories_total"`
	CaloriesActive *float64   `json:"calories_active"`
	Steps          *int64     `json:"steps"`
	DailyMovement  *float64   `json:"daily_movement"`
	Distance       *float64   `json:"distance"`
	Low            *float64   `json:"low"`
	Medium         *float64   `json:"medium"`
	High           *float64   `json:"high"`
	FloorsClimbed  *int64     `json:"floors_climbed"`
	TimeZone       *string    `json:"time_zone"`
	TimezoneOffset *int64     `json:"timezone_offset"`
	HeartRate      struct {
		Avg     *float64 `json:"avg_bpm"`
		Min     *float64 `json:"min_bpm"`
		Max     *float64 `json:"max_bpm"`
		Resting *float64 `json:"resting_bpm"`
		Walking *float64 `json:"avg_walking_bpm"`
	} `json:"heart_rate"`
	WheelchairUse  *bool  `json:"wheelchair_use"`
	WheelchairPush *int64 `json:"wheelchair_push"`
}

func (a *jsonActivity) columns(c *cursor, e *jsonEnvelope) {
	a.begin(c, e)
	c.time(a.Date)
	c.date(a.CalendarDate)
	c.floats(a.CaloriesTotal, a.CaloriesActive)
	c.ints(a.Steps)
	c.floats(a.DailyMovement, a.Distance, a.Low, a.Medium, a.High)
	c.ints(a.FloorsClimbed)
	c.text(a.TimeZone)
	c.ints(a.TimezoneOffset)
	hr := &a.HeartRate
	c.floats(hr.Avg, hr.Min, hr.Max, hr.Resting, hr.Walking)
	if b := c.next().(*array.BooleanBuilder); a.WheelchairUse != nil {
		b.Append(*a.WheelchairUse)
	} else {
		b.AppendNull()
	}
	c.ints(a.WheelchairPush)
	a.end(c)
}

type jsonWorkout struct {
	jsonSummary
	Title          *string    `json:"title"`
	TimezoneOffset *int64     `json:"timezone_offset"`
	AverageHR      *int64     `json:"average_hr"`
	MaxHR          *int64     `json:"max_hr"`
	Distance       *float64   `json:"distance"`
	CalendarDate   *string    `json:"calendar_date"`
	TimeStart      *time.Time `json:"time_start"`
	TimeEnd        *time.Time `json:"time_end"`
	Calories       *float64   `json:"calories"`
	Sport          struct {
		ID   *int64  `json:"id"`
		Name *string `json:"name"`
		Slug *string `json:"slug"`
	} `json:"sport"`
	HRZones       []int64  `json:"hr_zones"`
	MovingTime    *int64   `json:"moving_time"`
	Gain          *float64 `json:"total_elevation_gain"`
	ElevHigh      *float64 `json:"elev_high"`
	ElevLow       *float64 `json:"elev_low"`
	AverageSpeed  *float64 `json:"average_speed"`
	MaxSpeed      *float64 `json:"max_speed"`
	AverageWatts  *float64 `json:"average_watts"`
	DeviceWatts   *float64 `json:"device_watts"`
	MaxWatts      *float64 `json:"max_watts"`
	WeightedWatts *float64 `json:"weighted_average_watts"`
	Steps         *int64   `json:"steps"`
	Map           struct {
		Polyline *string `json:"polyline"`
		Summary  *string `json:"summary_polyline"`
	} `json:"map"`
	ProviderID *string `json:"provider_id"`
}

func (w *jsonWorkout) columns(c *cursor, e *jsonEnvelope) {
	w.begin(c, e)
	c.text(w.Title)
	c.ints(w.TimezoneOffset, w.AverageHR, w.MaxHR)
	c.floats(w.Distance)
	c.date(w.CalendarDate)
	c.time(w.TimeStart)
	c.time(w.TimeEnd)
	c.floats(w.Calories)
	c.ints(w.Sport.ID)
	c.texts(w.Sport.Name, w.Sport.Slug)
	zones := c.next().(*array.ListBuilder)
	zones.Append(true)
	zones.ValueBuilder().(*array.Int64Builder).AppendValues(w.HRZones, nil)
	c.ints(w.MovingTime)
	c.floats(w.Gain, w.ElevHigh, w.ElevLow, w.AverageSpeed, w.MaxSpeed, w.AverageWatts, w.DeviceWatts, w.MaxWatts, w.WeightedWatts)
	c.ints(w.Steps)
	c.texts(w.Map.Polyline, w.Map.Summary, w.ProviderID)
	w.end(c)
}
