use profiles::*;
use std::path::Path;
fn main() {
    for f in std::env::args().skip(1) {
        let bytes = std::fs::read(&f).unwrap();
        let t = std::time::Instant::now();
        let s = match scenarios::read(Path::new(&f), &bytes, Catalogue::builtin(), &|_| Err(String::new())) { Ok(s) => s.scenario, Err(e) => { eprintln!("{}", scenarios::render(&e, Path::new(&f), &bytes)); continue } };
        eprintln!("{f}: read {:?}", t.elapsed());
        let t = std::time::Instant::now();
        let m = planner::physics::build(&s);
        eprintln!("build {:?}: devices {} modes {} places {} options {:?} dropped {}", t.elapsed(), m.table.devices.len(), m.table.modes.len(), m.table.places.len(), m.table.services.iter().map(|s| s.options.len()).collect::<Vec<_>>(), m.dropped.len());
        let e = planner::search::Effort { seed: 1, gap: 0.0, rounds: 1, moves: 200_000, chains: 2, columns: 10000, nodes: 1000, front: 0 };
        let t = std::time::Instant::now();
        let a = planner::search::anneal::run(&m.table, &e, 0, &[], &planner::search::Silent);
        eprintln!("anneal {:?} moves {} archive {}", t.elapsed(), a.moves, a.archive.len());
        if let Some((asg, ev)) = &a.best {
            println!("power {} latency {} inacc {}", ev.power_w, ev.latency, ev.inaccuracy);
            for (s2, d) in m.table.services.iter().zip(&asg.services) { let d = d.as_ref().unwrap(); let l = &m.labels[s2.options[d.option as usize].label as usize];
                println!("  {} {:?} {:?} x{} acc {:?} {:?}", s2.name, l.precision, l.method, l.samples, l.accuracy, d.chains.iter().map(|c| c.stages.iter().map(|st| { let p=&m.table.places[st.place as usize]; format!("{}/{} p{} {}-{}", m.table.devices[p.device as usize].name, m.table.modes[p.mode as usize].name, p.processor, st.start, st.end)}).collect::<Vec<_>>()).collect::<Vec<_>>());
            }
            println!("{:?}", ev.chains.iter().map(|c| c[0].total_s).collect::<Vec<_>>());
        } else { println!("none"); }
    }
}
