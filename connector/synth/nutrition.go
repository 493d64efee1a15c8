package synth

import "time"

// food is what one portion has, in grams; sodium and vitaminC in mg, iron in µg.
type food struct {
	name                                                string
	carbs, protein, fat, fibre, sugar, sodium, iron, vC float64
}

func (g *Generator) meal(r request) record {
	menu := []food{
		{"Oat porridge", 54, 11, 6, 8, 9, 120, 3400, 1}, {"Lentil soup", 40, 18, 7, 13, 6, 640, 6100, 9},
		{"Rye bread", 33, 6, 2, 6, 3, 390, 1900, 0}, {"Green salad", 8, 3, 10, 4, 5, 180, 1400, 28},
		{"Baked salmon", 0, 34, 18, 0, 0, 95, 700, 4}, {"Boiled rice", 53, 5, 1, 1, 0, 5, 400, 0},
		{"Apple", 25, 0.5, 0.3, 4, 19, 2, 200, 8}, {"Plain yoghurt", 9, 8, 6, 0, 9, 95, 100, 1},
	}
	foods, total := object{}, food{}
	for _, i := range g.dice.Perm(len(menu))[:g.dice.between(1, 3)] {
		f := menu[i].times(pick(g.dice, []float64{0.5, 1, 1, 1.5}))
		foods[f.name] = f.nutrition()
		total = total.plus(f)
	}
	midnight, date := r.user.day(r.at)
	id := g.recordID(r.user, "meal", r.at.Format(time.RFC3339))
	fields := total.nutrition()
	fields["timestamp"], fields["calendar_date"] = stamp(r.at, r.gen), date
	fields["name"] = []string{"Breakfast", "Lunch", "Dinner"}[min(2, max(0, int(r.at.Sub(midnight).Hours())-5)/6)]
	fields["data"] = foods
	fields["provider_id"], fields["priority_id"], fields["source_id"] = id, 1, 1
	return record{bucket: r.at.Format(time.RFC3339), done: r.at, fields: fields}
}

// times is n portions.
func (f food) times(n float64) food {
	return food{
		f.name, round(f.carbs*n, 1), round(f.protein*n, 1), round(f.fat*n, 1), round(f.fibre*n, 1),
		round(f.sugar*n, 1), round(f.sodium*n, 1), round(f.iron*n, 1), round(f.vC*n, 1),
	}
}

// plus is both together.
func (f food) plus(o food) food {
	return food{
		"", f.carbs + o.carbs, f.protein + o.protein, f.fat + o.fat, f.fibre + o.fibre,
		f.sugar + o.sugar, f.sodium + o.sodium, f.iron + o.iron, f.vC + o.vC,
	}.times(1)
}

// nutrition is the part that a meal and each of its foods have: energy by
// Atwater's factors (4 kcal a gram of carbohydrate and protein, 9 of fat).
func (f food) nutrition() object {
	return object{
		"energy": object{"unit": "kcal", "value": round(4*f.carbs+4*f.protein+9*f.fat, 0)},
		"macros": object{
			"carbs": f.carbs, "protein": f.protein, "fibre": f.fibre, "sugar": f.sugar,
			"alcohol": 0, "water": nil, "cholesterol": nil,
			"fats": object{
				"total": f.fat, "saturated": round(f.fat*0.3, 1), "monounsaturated": round(f.fat*0.45, 1),
				"polyunsaturated": round(f.fat*0.25, 1), "omega3": round(f.fat*0.05, 1), "omega6": round(f.fat*0.2, 1),
			},
		},
		"micros": object{
			"minerals":       object{"sodium": f.sodium},
			"trace_elements": object{"iron": f.iron},
			"vitamins":       object{"vitamin_c": f.vC},
		},
	}
}
