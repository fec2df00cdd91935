"""Exported models as TensorFlow Lite files, for web pages and phones: conversion, metadata, and the command."""
