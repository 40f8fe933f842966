//! Random valid files: each key of the format appears in some of them.

use profiles::units::{
    Bytes, BytesPerSecond, Celsius, GramsPerDay, GramsPerKilowattHour, KelvinPerWatt, PerSecond, Seconds, Watts,
};

use super::draw::Draw;
use crate::file::{
    Accuracy, Adapters, Arriving, Bits, DayPrice, Deadline, Device, EarlyExit, Ends, EnergyPrice, File, Flag, HourPrice, Length,
    LengthUnit, Limits, Link, LinkDetail, Marked, Name, Objective, Override, Pair, PrecisionDetail, PrecisionEntry, Precisions,
    Prefilter, Replicas, Scaling, Service, Site, SiteLink, SleepRule, Technique, Text, Tiered, Together, Weights,
};
use crate::scenario::{Method, Money};

/// A valid file over the ids of [`super::Shelf`]; the same seed gives the same file.
#[must_use]
pub fn file(seed: u64) -> File {
    let mut draw = Draw::new(seed);
    let sites: Vec<Marked<Site>> = (0..1 + draw.below(3)).map(|i| site(&mut draw, i).into()).collect();
    let mut devices: Vec<Device> = (0..1 + draw.below(4)).map(|i| device(&mut draw, i, sites.len())).collect();
    let members: Vec<String> = devices.iter().flat_map(members).collect();
    let services = (0..1 + draw.below(4)).map(|i| service(&mut draw, i, &members).into()).collect::<Vec<_>>();
    let limits = draw.maybe(limits);
    if limits.as_ref().is_none_or(|l| l.value.underutilisation.is_none()) {
        devices.iter_mut().for_each(|d| d.together = together(&mut draw, d));
    }
    let pairs = pairs(&sites, &members, limits.as_ref().map(|l| &l.value));
    File {
        name: word("random"),
        description: draw.maybe(|d| Text(d.one_of(&["", "two\nlines: and # signs", "plain", "\"quoted\" 'text'"]).to_string())),
        model_files: None,
        links: if sites.len() > 1 { Some(links(&mut draw, sites.len()).into()) } else { None },
        pairs,
        sites: Some(sites.into()),
        devices: Some(devices.into_iter().map(Marked::from).collect::<Vec<_>>().into()),
        services: Some(services.into()),
        limits,
        objective: draw.maybe(|d| Objective(d.one_of(Objective::ALL).1)),
        expect: draw.maybe(|d| vec![Text(d.one_of(&["feasible", "gap < 2 %", "fleet.power <= 40 W"]).to_string()).into()]),
        unread: Vec::new(),
    }
}

/// The first two devices, where they stand at one site whose link no others use.
fn pairs(sites: &[Marked<Site>], members: &[String], limits: Option<&Limits>) -> Option<Marked<Vec<Marked<Pair>>>> {
    let [one, other, ..] = members else { return None };
    let [site] = sites else { return None };
    let kind = match &site.value.link.as_ref()?.value {
        SiteLink::Kind(kind) => &kind.value.0,
        SiteLink::Detail(detail) => &detail.value.kind.as_ref()?.value.0,
    };
    let fits = kind == "gigabit-ethernet" && limits.is_none_or(|l| l.underutilisation.is_none());
    fits.then(|| vec![Pair(Name(one.clone()).into(), Name(other.clone()).into()).into()].into())
}

/// The two processors of an Orin, now and then.
fn together(draw: &mut Draw, device: &Device) -> Option<Marked<Together>> {
    let orin = device.profile.as_ref().is_some_and(|p| p.value.0 == "agx-orin-64gb");
    orin.then(|| {
        draw.maybe(|d| Together {
            processors: words(&["gpu".to_owned(), "cpu".to_owned()]),
            handshake: d.maybe(|d| Seconds(1e-3 * d.share())),
            memory_rate: d.maybe(|d| BytesPerSecond(1e9 + 1e11 * d.share())),
            unread: Vec::new(),
        })
    })?
}

fn word(name: &str) -> Option<Marked<Name>> {
    Some(Name(name.to_owned()).into())
}

fn words(names: &[String]) -> Option<Marked<Vec<Marked<Name>>>> {
    if names.is_empty() { None } else { Some(names.iter().map(|n| Name(n.clone()).into()).collect::<Vec<_>>().into()) }
}

const LINKS: [&str; 5] = ["gigabit-ethernet", "loopback", "pcie4-x8", "wan", "wifi-5"];

fn site(draw: &mut Draw, index: usize) -> Site {
    let kind = Name((*draw.one_of(&LINKS)).to_owned());
    let link = if draw.below(2) == 0 {
        SiteLink::Kind(kind.into())
    } else {
        let detail = LinkDetail {
            kind: Some(kind.into()),
            latency: draw.maybe(|d| Seconds(d.share())),
            bandwidth: draw.maybe(|d| BytesPerSecond(1e6 + 1e9 * d.share())),
            loss: draw.maybe(|d| d.percent(0, 50)),
            unread: Vec::new(),
        };
        SiteLink::Detail(detail.into())
    };
    Site {
        name: word(&format!("site-{index}")),
        ambient: draw.maybe(|d| Celsius(-10.0 + 50.0 * d.share())),
        link: Some(link.into()),
        // The first site has both, as limits and objectives may ask for them.
        electricity: if index == 0 { Some(EnergyPrice(money(draw)).into()) } else { draw.maybe(|d| EnergyPrice(money(d))) },
        carbon: if index == 0 {
            Some(GramsPerKilowattHour(900.0 * draw.share()).into())
        } else {
            draw.maybe(|d| GramsPerKilowattHour(900.0 * d.share()))
        },
        unread: Vec::new(),
    }
}

fn device(draw: &mut Draw, index: usize, sites: usize) -> Device {
    let profile = *draw.one_of(&["agx-orin-64gb", "laptop", "orin-nano-8gb-super", "rpi4-8gb", "rpi5-8gb"]);
    let site = format!("site-{}", if index < sites { index } else { draw.below(sites) });
    Device {
        name: word(&format!("device-{index}")),
        profile: word(profile),
        profile_file: None,
        count: draw.maybe(|d| 1 + d.below(3) as u32),
        site: if sites > 1 || draw.below(2) == 0 { word(&site) } else { None },
        ambient: draw.maybe(|d| Celsius(40.0 * d.share())),
        sleep: draw.maybe(|d| SleepRule(d.one_of(SleepRule::ALL).1)),
        tier: draw.maybe(|d| Tiered(d.one_of(Tiered::ALL).1)),
        rent: draw.maybe(|d| HourPrice(money(d))),
        modes: if profile == "agx-orin-64gb" {
            draw.maybe(|_| vec![Text("15W".into()).into(), Text("MAXN".into()).into()])
        } else {
            None
        },
        power_cap: draw.maybe(|d| Watts(5.0 + 50.0 * d.share())),
        memory_margin: draw.maybe(|d| d.percent(0, 90)),
        host: None,
        stream: draw.maybe(|d| Flag(d.below(2) == 0)),
        together: None,
        overrides: draw.maybe(overrides),
        unread: Vec::new(),
    }
}

fn overrides(draw: &mut Draw) -> Override {
    Override {
        memory: draw.maybe(|d| Bytes(1e9 + 64e9 * d.share())),
        usable_memory: draw.maybe(|d| d.percent(10, 100)),
        idle: draw.maybe(|d| Watts(9.0 * d.share())),
        asleep: draw.maybe(|d| Watts(d.share())),
        wake_time: draw.maybe(|d| Seconds(30.0 * d.share())),
        throttle: draw.maybe(|d| Celsius(70.0 + 30.0 * d.share())),
        thermal_resistance: draw.maybe(|d| KelvinPerWatt(0.5 + 5.0 * d.share())),
        storage: draw.maybe(|d| BytesPerSecond(1e7 + 1e9 * d.share())),
        unread: Vec::new(),
    }
}

fn members(device: &Device) -> Vec<String> {
    let name = device.name.as_ref().map(|n| n.value.0.clone()).unwrap_or_default();
    device.count.as_ref().map_or_else(|| vec![name.clone()], |c| (1..=c.value).map(|i| format!("{name}-{i}")).collect())
}

/// A ring of links over all sites, so that every device reaches every other.
fn links(draw: &mut Draw, sites: usize) -> Vec<Marked<Link>> {
    let end = |i: usize| Name(format!("site-{i}")).into();
    (1..sites)
        .map(|i| {
            let link = Link {
                between: Some(Ends(end(i - 1), end(i)).into()),
                kind: word(LINKS[draw.below(LINKS.len())]),
                latency: draw.maybe(|d| Seconds(0.1 * d.share())),
                bandwidth: draw.maybe(|d| BytesPerSecond(1e6 + 1e8 * d.share())),
                loss: draw.maybe(|d| d.percent(0, 10)),
                unread: Vec::new(),
            };
            link.into()
        })
        .collect()
}

fn service(draw: &mut Draw, index: usize, members: &[String]) -> Service {
    let kind = draw.below(3);
    let (models, unit): (&[&str], LengthUnit) = match kind {
        0 => (&["deepseek-r1-1.5b", "llama-3.1-8b", "llama-3.2-1b"], LengthUnit::Tokens),
        1 => (&["mobilenet-v2", "resnet-50"], LengthUnit::Items),
        _ => (&["whisper-base-en"], LengthUnit::Frames),
    };
    let models: Vec<String> = models[draw.below(models.len())..].iter().map(ToString::to_string).collect();
    let language = kind == 0;
    let one = |draw: &mut Draw| vec![members[draw.below(members.len())].clone()];
    let pins = if draw.below(3) == 0 { one(draw) } else { Vec::new() };
    let private = if draw.below(3) == 0 { one(draw) } else { Vec::new() };
    let taken = |m: &String| pins.contains(m) || private.contains(m);
    let forbidden: Vec<String> = members.iter().filter(|m| !taken(m)).take(draw.below(members.len())).cloned().collect();
    let total = Seconds(1.0 + 60.0 * draw.share());
    let most = (members.len() - forbidden.len()) as u32;
    Service {
        name: word(&format!("service-{index}")),
        models: words(&models),
        precisions: draw.maybe(precisions),
        // `true` asks for two formats and two stages; files in `broken` have it.
        mixed_precisions: draw.maybe(|_| Flag(false)),
        // The filter hands on what the first block would see.
        prefilters: if private.is_empty() && kind < 2 { draw.maybe(|d| vec![prefilter(d).into()]) } else { None },
        // The shelf has no mixture of experts; the planner's tests have.
        expert_caches: None,
        adapters: if language { draw.maybe(adapters) } else { None },
        early_exits: if kind == 1 { draw.maybe(|d| vec![early_exit(d, &models).into()]) } else { None },
        rate: Some(PerSecond(1e-3 + draw.share()).into()),
        arrivals: draw.maybe(|d| Arriving(d.one_of(Arriving::ALL).1)),
        prompt: Some(Length { count: 1 + draw.below(1000) as u32, unit }.into()),
        answer: if kind == 1 {
            None
        } else {
            Some(Length { count: 1 + draw.below(300) as u32, unit: LengthUnit::Tokens }.into())
        },
        request_size: draw.maybe(|d| Bytes(1e6 * d.share())),
        answer_size: draw.maybe(|d| Bytes(1e4 * d.share())),
        origin: if draw.below(3) == 0 { word(&one(draw)[0]) } else { None },
        deadline: draw.maybe(|d| Deadline {
            percentile: d.maybe(|d| d.percent(50, 99)),
            ttft: if language { d.maybe(|_| total * 0.3) } else { None },
            tpot: if language { d.maybe(|_| total * 0.01) } else { None },
            total: Some(total.into()),
            unread: Vec::new(),
        }),
        accuracy: if language {
            draw.maybe(|d| Accuracy { benchmark: word("gsm8k"), at_least: Some(d.percent(0, 40).into()), unread: Vec::new() })
        } else {
            None
        },
        scaling: if language { draw.maybe(scaling) } else { None },
        replicas: draw.maybe(|d| Replicas(1, 1 + d.below(most as usize) as u32)),
        // `true` asks for two replicas, a bounded stay and no limit on underutilisation; files in `broken` have it.
        survives_loss: draw.maybe(|_| Flag(false)),
        max_stages: draw.maybe(|d| 1 + d.below(4) as u32),
        pin: words(&pins),
        forbid: words(&forbidden),
        tiers: draw.maybe(|_| Tiered::ALL.iter().map(|(_, t)| Tiered(*t).into()).collect()),
        first_block_on: words(&private),
        apart_from: if index > 0 { words(&[format!("service-{}", draw.below(index))]) } else { None },
        unread: Vec::new(),
    }
}

fn prefilter(draw: &mut Draw) -> Prefilter {
    let weights = draw.maybe(|d| Weights(*d.one_of(&[profiles::WeightFormat::W16, profiles::WeightFormat::W8])));
    let (passes, loses) = (Some(draw.percent(1, 90).into()), Some(draw.percent(0, 5).into()));
    Prefilter { model: word("mobilenet-v2"), weights, passes, loses, unread: Vec::new() }
}

fn early_exit(draw: &mut Draw, models: &[String]) -> EarlyExit {
    let (passes, loses) = (Some(draw.percent(1, 90).into()), Some(draw.percent(0, 5).into()));
    let after_block = Some((1 + draw.below(3) as u32).into());
    EarlyExit { model: word(&models[0]), after_block, passes, loses, unread: Vec::new() }
}

fn adapters(draw: &mut Draw) -> Adapters {
    let count = 2 + draw.below(30) as u32;
    let kept = draw.maybe(|d| 1 + d.below(count as usize - 1) as u32);
    let misses = if kept.is_some() { draw.maybe(|d| d.percent(1, 90)) } else { None };
    Adapters { count: Some(count.into()), size: Some(Bytes(1e6 + 1e8 * draw.share()).into()), kept, misses, unread: Vec::new() }
}

fn precisions(draw: &mut Draw) -> Precisions {
    if draw.below(4) == 0 {
        return Precisions::All;
    }
    let word = draw.one_of(&Weights::ALL[..1]).1;
    let detail = PrecisionDetail {
        weights: Some(Weights(word).into()),
        kv: Some(Bits(*draw.one_of(&[8, 4])).into()),
        activations: draw.maybe(|d| Bits(*d.one_of(&[16, 8, 4]))),
        unread: Vec::new(),
    };
    Precisions::List(vec![PrecisionEntry::Short(Weights(word).into()), PrecisionEntry::Long(detail.into())])
}

fn scaling(draw: &mut Draw) -> Scaling {
    let samples = Some(vec![Marked::from(1 + draw.below(8) as u32), Marked::from(16)].into());
    let budgets = draw.maybe(|d| vec![Length { count: 20 + d.below(900) as u32, unit: LengthUnit::Tokens }.into()]);
    let close = if budgets.is_some() { draw.maybe(|_| Text("The answer is".into())) } else { None };
    let closing_tokens = if close.is_some() { draw.maybe(|_| Length { count: 8, unit: LengthUnit::Tokens }) } else { None };
    Scaling {
        methods: draw.maybe(|_| vec![Technique(Method::Majority).into(), Technique(Method::Single).into()]),
        samples,
        budgets,
        close,
        closing_tokens,
        unread: Vec::new(),
    }
}

fn money(draw: &mut Draw) -> Money {
    Money { amount: draw.share(), currency: "EUR".to_owned() }
}

fn limits(draw: &mut Draw) -> Limits {
    let share = |d: &mut Draw| d.percent(5, 95);
    Limits {
        power: draw.maybe(|d| Watts(10.0 + 100.0 * d.share())),
        booked_time: draw.maybe(share),
        booked_link: draw.maybe(share),
        latency: draw.maybe(share),
        underutilisation: draw.maybe(share),
        mean_accuracy: draw.maybe(share),
        cost: draw.maybe(|d| DayPrice(money(d))),
        carbon: draw.maybe(|d| GramsPerDay(1000.0 * d.share())),
        unread: Vec::new(),
    }
}
