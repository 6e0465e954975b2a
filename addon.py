"""What `mitmdump -s addon.py` loads. Holds no state: mitmproxy runs it again whenever it is saved."""

from pathlib import Path

from antigravity_addon.mitm.gateway import GatewayAddon

addons = [GatewayAddon(folder=Path(__file__).parent)]
