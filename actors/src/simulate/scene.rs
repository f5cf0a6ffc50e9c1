//! The scene: puts backdrop, figures, shadows and noise together, and knows what is true of it.

use super::backdrop::Backdrop;
use super::canvas::{Canvas, SensorNoise};
use super::config::SceneConfig;
use super::figure::{Pose, Silhouette, Sprite, Stance};
use super::light::{Light, cloud_at};
use super::script;
use super::shadow::ShadowMap;
use super::space::Camera;
use super::stage::Actor;
use super::truth::FigureTruth;
use models::picture::Frame;
use rand::SeedableRng;
use rand_pcg::Pcg32;
use schema::Result;
use schema::frame::FrameMeta;
use schema::job::line::CountingLine;
use schema::time::MediaTime;

/// Standard deviation of the sensor's noise in code values, luma and chroma.
const NOISE: (f32, f32) = (1.7, 1.0);

/// A scene whose truth is known. Any frame can be rendered at any time; the same configuration
/// gives the same frames.
#[derive(Debug)]
pub struct Scene {
    config: SceneConfig,
    camera: Camera,
    backdrop: Backdrop,
    noise: SensorNoise,
    actors: Vec<Actor>,
    lines: Vec<CountingLine>,
}

/// A figure on the pixel grid of one frame.
struct Drawn<'a> {
    id: u32,
    stance: &'a Stance,
    actor: &'a Actor,
    pose: Pose,
    silhouette: Silhouette<'a>,
    /// How much of each pixel is seen past the things of the backdrop; empty where nothing is in
    /// the way.
    unhidden: Vec<f32>,
}

impl Scene {
    /// Casts the people and paints the backdrop.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every faulty parameter.
    pub fn new(config: SceneConfig) -> Result<Self> {
        config.validate()?;
        let camera = Camera::new(config.width, config.height);
        let mut rng = Pcg32::seed_from_u64(config.seed);
        let lines = script::lines(&camera);
        let actors = script::cast(&config, &camera, &lines, &mut rng);
        let noise = SensorNoise::new(&mut rng, NOISE.0, NOISE.1);
        let backdrop = Backdrop::new(&camera, config.width, config.height, config.seed);
        Ok(Self { config, camera, backdrop, noise, actors, lines })
    }

    /// The configuration it was made from.
    #[must_use]
    pub const fn config(&self) -> &SceneConfig {
        &self.config
    }

    /// The lines over which crossings are counted.
    #[must_use]
    pub fn lines(&self) -> &[CountingLine] {
        &self.lines
    }

    /// Frame `index`, 0-based.
    ///
    /// # Errors
    /// `SERVER_ERROR` where the planes do not fit the frame; not for a scene that was made.
    pub fn render(&self, index: u64) -> Result<Frame> {
        Ok(self.shoot(index)?.0)
    }

    /// What is true in frame `index`: every figure of which, were it alone on the square, at
    /// least a pixel would be seen; by id.
    #[must_use]
    pub fn truth(&self, index: u64) -> Vec<FigureTruth> {
        self.judge(&self.drawn(index))
    }

    /// A frame and what is true in it, for the price of the frame.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn shoot(&self, index: u64) -> Result<(Frame, Vec<FigureTruth>)> {
        let drawn = self.drawn(index);
        let mut canvas = self.compose(index, &drawn);
        let mut rng = Pcg32::new(index, self.config.seed);
        canvas.expose(&self.noise, &mut rng);
        let meta = FrameMeta {
            frame_index: index,
            media_time_us: MediaTime::from_seconds(index as f64 / self.config.frame_rate),
            wall_time_us: None,
            width: self.config.width,
            height: self.config.height,
        };
        Ok((canvas.into_frame(meta)?, self.judge(&drawn)))
    }

    fn cloud(&self, index: u64) -> f32 {
        cloud_at(index as f64 / self.config.frame_rate, self.config.duration)
    }

    /// The figures of a frame, the farthest first.
    fn drawn(&self, index: u64) -> Vec<Drawn<'_>> {
        let on_stage = self.actors.iter().zip(1..);
        let mut all: Vec<Drawn<'_>> = on_stage
            .filter_map(|(actor, id)| {
                let stance = actor.walk.at(index as usize)?;
                let pose = actor.person.pose(stance);
                let silhouette = actor.person.silhouette(&pose, stance.spot, &self.camera);
                let unhidden = self.unhidden(&silhouette, stance.spot.z);
                Some(Drawn { id, stance, actor, pose, silhouette, unhidden })
            })
            .collect();
        all.sort_by(|a, b| b.stance.spot.z.total_cmp(&a.stance.spot.z));
        all
    }

    fn unhidden(&self, s: &Silhouette<'_>, z: f32) -> Vec<f32> {
        let (x2, y2) = (s.x + s.width as i32, s.y + s.height as i32);
        if !self.backdrop.may_hide([s.x, s.y, x2, y2], z) {
            return Vec::new();
        }
        let at = |i: usize| (s.x + (i % s.width) as i32, s.y + (i / s.width) as i32);
        (0..s.width * s.height)
            .map(at)
            .map(|(x, y)| {
                if x < 0 || y < 0 { 1.0 } else { self.backdrop.visible(x as usize, y as usize, z) }
            })
            .collect()
    }

    /// The picture without noise.
    fn compose(&self, index: u64, drawn: &[Drawn<'_>]) -> Canvas {
        let cloud = self.cloud(index);
        let light = Light::under(cloud);
        let mut canvas = self.backdrop.under(cloud);
        let mut shadows = ShadowMap::new(&self.camera, canvas.width, canvas.height);
        for d in drawn {
            let casters = d.actor.person.casters(&d.pose);
            shadows.add(&casters, d.pose.soles, d.stance.spot, &light, &self.backdrop);
        }
        shadows.apply(&mut canvas);
        for d in drawn {
            let Sprite { mut pixels } = d.silhouette.shade(&light);
            for (pixel, seen) in pixels.iter_mut().zip(&d.unhidden) {
                *pixel = pixel.map(|v| v * seen);
            }
            let s = &d.silhouette;
            canvas.lay((s.x, s.y), (s.width, s.height), &pixels);
        }
        canvas
    }

    /// The truth of drawn figures.
    fn judge(&self, drawn: &[Drawn<'_>]) -> Vec<FigureTruth> {
        let (width, height) = (self.config.width as usize, self.config.height as usize);
        let mut owner = vec![0u16; width * height];
        let mut alone = vec![0u32; drawn.len()];
        for (i, d) in drawn.iter().enumerate() {
            let s = &d.silhouette;
            for at in (0..s.width * s.height).filter(|&at| s.owns(at)) {
                let (x, y) = (s.x + (at % s.width) as i32, s.y + (at / s.width) as i32);
                let inside = x >= 0 && y >= 0 && (x as usize) < width && (y as usize) < height;
                if inside && d.unhidden.get(at).is_none_or(|&seen| seen >= 0.5) {
                    alone[i] += 1;
                    owner[y as usize * width + x as usize] = i as u16 + 1;
                }
            }
        }
        let mut seen = vec![0u32; drawn.len() + 1];
        for &i in &owner {
            seen[usize::from(i)] += 1;
        }
        let mut truth: Vec<FigureTruth> = drawn
            .iter()
            .enumerate()
            .filter(|&(i, _)| alone[i] > 0)
            .map(|(i, d)| {
                let (bbox, area) = d.silhouette.extent();
                FigureTruth { id: d.id, bbox, visibility: seen[i + 1] as f32 / area as f32 }
            })
            .collect();
        truth.sort_by_key(|t| t.id);
        truth
    }

    /// Luma of a frame without noise, and of the same frame without anybody in it.
    #[cfg(test)]
    pub(super) fn without_noise(&self, index: u64) -> (Vec<u8>, Vec<u8>) {
        let picture = self.compose(index, &self.drawn(index));
        (picture.luma().to_vec(), self.compose(index, &[]).luma().to_vec())
    }
}
