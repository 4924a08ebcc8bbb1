#!/usr/bin/env python3
"""A sparse autoencoder in PyTorch, pushed to sae-metricsd: the lines marked with + are all it takes."""

import torch

import sae_metrics  # +

D_IN, D_SAE, BATCH, L1, STEPS = 64, 1024, 512, 3e-3, 2000
device = "cuda" if torch.cuda.is_available() else "cpu"

encoder = torch.nn.Linear(D_IN, D_SAE, device=device)
decoder = torch.nn.Linear(D_SAE, D_IN, device=device)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
directions = torch.randn(256, D_IN, device=device)  # the data: a few of these at a time

with sae_metrics.init(  # +
    project="torch-example", d_in=D_IN, d_sae=D_SAE, train_batch_size=BATCH, l1_coefficient=L1,  # +
    feature_sampling_window=200, dead_feature_window=500, total_training_tokens=STEPS * BATCH,  # +
) as run:  # + fmt: skip
    for step in range(STEPS):
        x = (torch.rand(BATCH, 256, device=device) < 0.02).float() @ directions
        acts = torch.relu(encoder(x))
        out = decoder(acts)
        mse, l1 = (out - x).pow(2).mean(), acts.sum(1).mean()
        loss = mse + L1 * l1
        on_cpu = [tensor.detach().cpu().numpy() for tensor in (acts, x, out)]  # +
        losses = {"mse_loss": mse.item(), "l1_loss": l1.item(), "overall_loss": loss.item()}  # +
        run.log_activations(step, *on_cpu, losses, optimizer=optimizer)  # + before the optimizer's step
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if run.should_stop:  # +
            break  # +
