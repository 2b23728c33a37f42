"""Everything the service needs to run on one machine: AWS emulators and a stand-in Hautech."""
