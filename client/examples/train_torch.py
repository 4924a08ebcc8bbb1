#!/usr/bin/env python3
"""A sparse autoencoder in PyTorch, pushed to sae-metricsd: the lines marked with + are all it takes."""

import torch

import sae_metrics  # +

CONFIG = dict(d_in=64, d_sae=1024, train_batch_size=512, l1_coefficient=0.3, lr=1e-3, total_training_steps=2000)
CONFIG.update(feature_sampling_window=200, dead_feature_window=500)  # +
device = "cuda" if torch.cuda.is_available() else "cpu"

encoder = torch.nn.Linear(CONFIG["d_in"], CONFIG["d_sae"], device=device)
decoder = torch.nn.Linear(CONFIG["d_sae"], CONFIG["d_in"], device=device)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=CONFIG["lr"])
directions = torch.randn(256, CONFIG["d_in"], device=device)  # the data: a few of these at a time

with sae_metrics.init(project="torch-example", profile="native", config=CONFIG) as run:  # +
    for step in range(CONFIG["total_training_steps"]):
        x = (torch.rand(CONFIG["train_batch_size"], 256, device=device) < 0.02).float() @ directions
        acts = torch.relu(encoder(x))
        out = decoder(acts)
        mse, l1 = (out - x).pow(2).sum(1).mean(), acts.sum(1).mean()
        loss = mse + CONFIG["l1_coefficient"] * l1

        losses = {"mse_loss": mse, "l1_loss": l1, "overall_loss": loss}  # +
        run.log_activations(step, acts, x, out, losses, optimizer=optimizer)  # + before the optimizer's step

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if run.should_stop:  # +
            break  # +
