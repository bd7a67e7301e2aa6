"""What stands between the internet and the gateway's views: sessions, limits, headers, compression."""
