"""`python -m wavegan_tf.demo`: train a small WaveGAN on drum hits and write a page to listen to."""
