"""Trains and exports Wattline's low-bit demo models; see docs/low-bit-models.md."""
