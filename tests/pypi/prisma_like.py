"""A trainer of SAEs in ViT-Prisma's order of events, for where that cannot be installed: the same names, the same calls of
wandb, the same moments; everything else is as small as it can be."""
import dataclasses
import sys

import torch
import wandb


@dataclasses.dataclass
class Config:
    d_in: int = 16
    d_sae: int = 64
    architecture: str = "standard"
    activation_fn_str: str = "relu"
    k: int = 4
    is_transcoder: bool = False
    use_ghost_grads: bool = False
    lr: float = 2e-3
    l1_coefficient: float = 0.02
    lp_norm: float = 1
    train_batch_size: int = 64
    context_size: int = 5
    total_training_tokens: int = 64 * 60
    wandb_log_frequency: int = 4
    feature_sampling_window: int = 15
    dead_feature_window: int = 5
    log_to_wandb: bool = True
    wandb_project: str = "clip:b32"
    wandb_entity: str = None
    run_name: str = "ab:cd"
    n_checkpoints: int = 0
    checkpoint_path: str = ""
    min_l0: float = None
    min_explained_variance: float = None


class SparseCoder(torch.nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg, self.l1_coefficient, self.lp_norm = cfg, cfg.l1_coefficient, cfg.lp_norm
        self.W_enc = torch.nn.Parameter(torch.randn(cfg.d_in, cfg.d_sae) / 4)
        self.W_dec = torch.nn.Parameter(torch.randn(cfg.d_sae, cfg.d_in))
        self.b_enc, self.b_dec = torch.nn.Parameter(torch.zeros(cfg.d_sae)), torch.nn.Parameter(torch.zeros(cfg.d_in))
        self.r_mag = torch.nn.Parameter(torch.zeros(cfg.d_sae))

    @torch.no_grad()
    def set_decoder_norm_to_unit_norm(self):
        self.W_dec /= self.W_dec.norm(dim=1, keepdim=True)

    def activate(self, hidden):
        if self.cfg.activation_fn_str != "topk":
            return hidden.relu()
        top = hidden.topk(self.cfg.k, dim=-1)
        return torch.zeros_like(hidden).scatter(-1, top.indices, top.values)  # signed where too few are above 0

    def forward(self, x, *rest):
        target = rest[0] if self.cfg.is_transcoder else x
        mask = rest[1] if self.cfg.is_transcoder else rest[0]
        hidden = (x - self.b_dec) @ self.W_enc + self.b_enc
        zero, aux = torch.tensor(0.0), torch.tensor(0.0)
        if self.cfg.architecture == "gated":
            acts = (hidden > 0) * (hidden * self.r_mag.exp()).relu()
            l1 = self.l1_coefficient * (hidden.relu() * self.W_dec.norm(dim=1)).sum(1).mean()
            aux = (hidden.relu() @ self.W_dec.detach() + self.b_dec.detach() - (x - self.b_dec)).square().sum(-1).mean()
        else:
            acts = self.activate(hidden)
            l1 = self.l1_coefficient * acts.norm(p=self.lp_norm, dim=1).mean()
        out = acts @ self.W_dec + self.b_dec
        if self.cfg.activation_fn_str == "topk":
            l1 = None
        spread = (target - target.mean(0, keepdim=True)).norm(dim=-1, keepdim=True)
        mse = ((out - target).square() / spread).mean()
        ghost = mse.detach() * mask.float().mean() if self.cfg.use_ghost_grads else zero
        return out, acts, mse + (0 if l1 is None else l1) + ghost + aux, mse, l1, ghost, aux

    def save_model(self, path):
        torch.save({"state_dict": self.state_dict()}, path)


class Store:
    def __init__(self, cfg, seed=3):
        self.cfg, self.generator = cfg, torch.Generator().manual_seed(seed)
        self.directions = torch.randn(48, cfg.d_in, generator=self.generator)

    def next_batch(self):
        present = (torch.rand(self.cfg.train_batch_size, 48, generator=self.generator) < 0.05).float()
        x = present @ self.directions + 0.1 * torch.randn(len(present), self.cfg.d_in, generator=self.generator)
        return torch.stack([x, x.roll(1, dims=1) * 0.5], dim=1)


class VisionSAETrainer:
    def __init__(self, cfg):
        torch.manual_seed(0)
        self.cfg, self.is_transcoder = cfg, cfg.is_transcoder
        self.sparse_coder, self.activations_store = SparseCoder(cfg), Store(cfg)
        every = cfg.total_training_tokens // max(1, cfg.n_checkpoints)
        self.checkpoint_thresholds = list(range(0, cfg.total_training_tokens, every))[1:] if cfg.n_checkpoints else []
        self.bad_run_check = bool(cfg.min_l0 and cfg.min_explained_variance)

    def initialize_training_variables(self):
        optimizer = torch.optim.Adam(self.sparse_coder.parameters(), lr=self.cfg.lr)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))
        return torch.zeros(self.cfg.d_sae), torch.zeros(self.cfg.d_sae), 0, optimizer, scheduler

    def train_step(self, sparse_autoencoder, optimizer, scheduler, act_freq_scores, n_forward_passes_since_fired,
                   n_frac_active_tokens, layer_acts, n_training_steps, n_training_tokens):
        cfg, n = self.cfg, n_training_steps
        sae_in = layer_acts[:, 0]
        target = layer_acts[:, 1] if self.is_transcoder else sae_in
        sparse_autoencoder.set_decoder_norm_to_unit_norm()
        if (n + 1) % cfg.feature_sampling_window == 0:
            if cfg.log_to_wandb:
                self._log_feature_sparsity(sparse_autoencoder, act_freq_scores / n_frac_active_tokens, n)
            act_freq_scores, n_frac_active_tokens = torch.zeros(cfg.d_sae), 0
        optimizer.zero_grad()
        dead = n_forward_passes_since_fired > cfg.dead_feature_window
        inputs = (sae_in, target, dead) if self.is_transcoder else (sae_in, dead)
        out, acts, loss, mse, l1, ghost, aux = sparse_autoencoder(*inputs)
        with torch.no_grad():
            n_forward_passes_since_fired += 1
            n_forward_passes_since_fired[(acts > 0).any(0)] = 0
            act_freq_scores += (acts != 0).float().sum(0)
            n_frac_active_tokens += len(sae_in)
            l0 = (acts > 0).float().sum(-1).mean()
            if cfg.log_to_wandb and (n + 1) % cfg.wandb_log_frequency == 0:
                self._log_metrics(sparse_autoencoder, optimizer, target, out, n_forward_passes_since_fired, dead, mse, l1, aux,
                                  ghost, loss, l0, n, n_training_tokens)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss, mse, l1, l0, act_freq_scores, n_forward_passes_since_fired, n_frac_active_tokens

    def _suffix(self, sae):
        short = {"l1_coefficient": "coeff", "hook_point_layer": "layer"}
        return "".join("_%s%s" % (short.get(key, key), value) for key, value in vars(sae.cfg).items() if type(value) is list)

    def _log_feature_sparsity(self, sae, density, n):
        logs, suffix = torch.log10(density + 1e-10), self._suffix(sae)
        wandb.log({
            "metrics/mean_log10_feature_sparsity" + suffix: logs.mean().item(),
            "plots/log_feature_density_histogram" + suffix: wandb.Histogram(logs.numpy()),
            "sparsity/below_1e-5" + suffix: (density < 1e-5).sum().item(),
            "sparsity/below_1e-6" + suffix: (density < 1e-6).sum().item(),
        }, step=n)

    def _log_metrics(self, sae, optimizer, target, out, passes, dead, mse, l1, aux, ghost, loss, l0, n, tokens):
        explained = 1 - (out - target).square().sum(-1) / (target - target.mean(0)).square().sum(-1)
        if self.bad_run_check and l0 < self.cfg.min_l0 and explained.mean() < self.cfg.min_explained_variance:
            wandb.finish()
            sys.exit()
        row = {
            "losses/mse_loss": mse, "losses/l1_loss": (torch.tensor(0.0) if l1 is None else l1) / sae.l1_coefficient,
            "losses/ghost_grad_loss": ghost, "losses/overall_loss": loss, "metrics/explained_variance": explained.mean(),
            "metrics/explained_variance_std": explained.std(), "metrics/l0": l0,
            "sparsity/mean_passes_since_fired": passes.mean(), "sparsity/dead_features": dead.sum(),
        }
        if self.cfg.architecture == "gated":
            row["losses/aux_reconstruction_loss"] = aux
        suffix = self._suffix(sae)
        row = {key + suffix: value.item() for key, value in row.items()}
        row["details/current_learning_rate" + suffix] = optimizer.param_groups[0]["lr"]
        wandb.log({**row, "details/n_training_tokens": tokens, "details/n_training_images": tokens // self.cfg.context_size},
                  step=n)

    def checkpoint(self, sae, n_training_tokens, act_freq_scores, n_frac_active_tokens):
        path = "%s/n_images_%d.pt" % (self.cfg.checkpoint_path, n_training_tokens // self.cfg.context_size)
        sae.save_model(path)
        wandb.log({"details/checkpoint_path": path})  # also with log_to_wandb off
        torch.save(act_freq_scores / n_frac_active_tokens, path.replace(".pt", "_log_feature_sparsity.pt"))
        if self.cfg.log_to_wandb:
            artifact = wandb.Artifact("sae", type="model")
            artifact.add_file(path)
            wandb.log_artifact(artifact)

    def run(self, first_step=0, stop_before=None, variables=None):
        if self.cfg.log_to_wandb:
            wandb.init(project=self.cfg.wandb_project.replace(":", "_"), config=dataclasses.asdict(self.cfg),
                       entity=self.cfg.wandb_entity, name=self.cfg.run_name.replace(":", "_"))
        freq, passes, rows, optimizer, scheduler = variables or self.initialize_training_variables()
        n, tokens = first_step, first_step * self.cfg.train_batch_size
        while tokens < self.cfg.total_training_tokens and n != stop_before:
            *_, freq, passes, rows = self.train_step(
                sparse_autoencoder=self.sparse_coder, optimizer=optimizer, scheduler=scheduler, act_freq_scores=freq,
                n_forward_passes_since_fired=passes, n_frac_active_tokens=rows,
                layer_acts=self.activations_store.next_batch(), n_training_steps=n, n_training_tokens=tokens)
            n, tokens = n + 1, tokens + self.cfg.train_batch_size
            if self.checkpoint_thresholds and tokens > self.checkpoint_thresholds[0]:
                self.checkpoint(self.sparse_coder, tokens, freq, rows)
                self.checkpoint_thresholds.pop(0)
        if self.cfg.n_checkpoints:
            self.checkpoint(self.sparse_coder, tokens, freq, rows)
        return freq, passes, rows, optimizer, scheduler
