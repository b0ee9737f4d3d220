import sys

from bbws_access.local_aws.server import run

sys.exit(run(sys.argv[1:]))
