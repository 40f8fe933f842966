//! From a whole plan over device classes to devices: stages go where they fill a device best.

use super::fleet::Post;
use super::program::Program;
use super::view::{Even, LIMITS};
use crate::table::TOLERANCE;

/// A stage without its device.
struct Stage {
    stream: usize,
    way: usize,
    class: usize,
    layers: u32,
    size: f64,
}

/// Posts for whole values of a program's variables; `None` when devices do not hold them that way.
pub(super) fn posts(even: &Even, program: &Program, x: &[f64]) -> Option<Vec<Post>> {
    let mut posts = vec![Post::NONE; even.streams.len()];
    let mut stages: Vec<Stage> = Vec::new();
    for &(way, _) in program.ways.iter().filter(|(_, y)| x[*y] > 0.5) {
        let stream = even.streams.iter().position(|s| s.ways.contains(&way))?;
        posts[stream].way = way as u32;
        for seat in program.seats.iter().filter(|s| s.way == way) {
            let layers = x[seat.layers].round() as u32;
            let copies = (x[seat.stages].round() as u32).clamp(1, layers.max(1));
            let cell = even.cell(way, seat.class);
            for i in (0..copies).filter(|_| layers > 0) {
                let n = layers / copies + u32::from(i < layers % copies);
                let size = (0..LIMITS).map(|l| f64::from(n) * cell.layer[l] + cell.stage[l]).fold(0.0, f64::max);
                stages.push(Stage { stream, way, class: seat.class, layers: n, size });
            }
        }
    }
    stages.sort_by(|a, b| b.size.total_cmp(&a.size).then(a.stream.cmp(&b.stream)));
    let mut loads = vec![[0.0; LIMITS]; even.device.len()];
    for stage in &stages {
        let cell = even.cell(stage.way, stage.class);
        let post = &posts[stage.stream];
        let with = |d: usize| -> [f64; LIMITS] {
            std::array::from_fn(|l| loads[d][l] + f64::from(stage.layers) * cell.layer[l] + cell.stage[l])
        };
        let fits = |d: &usize| {
            with(*d).iter().all(|&share| share <= 1.0 + TOLERANCE) && post.stages().iter().all(|&(o, _)| usize::from(o) != *d)
        };
        let fullest = |d: &usize| loads[*d].iter().copied().fold(0.0, f64::max);
        let d = even.classes[stage.class].members.clone().filter(fits).max_by(|a, b| fullest(a).total_cmp(&fullest(b)))?;
        loads[d] = with(d);
        let post = &mut posts[stage.stream];
        *post.stages.get_mut(usize::from(post.len))? = (d as u16, stage.layers as u16);
        post.len += 1;
    }
    posts.iter().all(Post::served).then_some(posts)
}
